# 32-bit protected mode with flat segments.
# mode: prot32
# state: rbx=0x9000 rcx=2 rax=5 [0x9000]=0x77:4 fs.base=0x9000
    .intel_syntax noprefix
    .code32
    call 1f
    add eax, [ebx+ecx*4]
    mov edx, fs:[0]
    mov [ebx+8], al
    push ds
    jmp 2f
1:  xor esi, esi
    ret
2:  lea edi, [ebx-0x9004]

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 call 0x1015
#       lea r13d,[r12-0x4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[rip_base]
#       lea r14d,[r14+0x5]
#       mov [r13],r14d
#       lea r12d,[r12-0x4]
#       jmp block 1015
#   block 1005:
#       mov dword ptr [owed],0x0
#       sub r11d,0x4
#       js refused
#     1005 add eax,[ebx+ecx*4]
#       lea r13d,[rbx+rcx*4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@0
#       add r13,[tlb0.host+r14]
#     L0:
#       add eax,[r13]
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1008 mov edx,fs:[0x0]
#       test byte ptr [fs.check],0x1
#       jne interpret@1
#       mov r13d,0x0
#       add r13,[fs.base]
#       mov r13d,r13d
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@1
#       add r13,[tlb0.host+r14]
#     L1:
#       mov edx,[r13]
#     100f mov [ebx+0x8],al
#       lea r13d,[rbx+0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xfff
#       ja write_slow1@2
#       add r13,[tlb0.host+r14]
#     L2:
#       mov [r13],al
#     1012 push ds
#       mov r13,handler 0
#       call helper
#   block 1013:
#       sub r11d,0x1
#       js refused
#     1013 jmp 0x1018
#       jmp block 1018
#   block 1015:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     1015 xor esi,esi
#       xor esi,esi
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1017 ret
#       lea r13d,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r13d,[r13]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@1
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@1
#     L1:
#       lea r12d,[r12+0x4]
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 1018:
#       sub r11d,0x1
#       js refused
#     1018 lea edi,[ebx-0x9004]
#       lea edi,[rbx-0x9004]
#       jmp block 101e
# insns: 9 guest, 92 host, 52 cold, 761 bytes
# after:
#   9 instructions
#   rdx=0x77
#   rsp=0x7ffc
#   rdi=0xfffffffc
#   rflags=0x6
#   [0x7ff8]=00 00 00 00 10 00 00 00
#   [0x9008]=05 00 00 00 00 00 00 00
