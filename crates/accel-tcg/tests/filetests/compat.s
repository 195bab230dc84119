# 32-bit code under a 64-bit kernel.
# mode: compat
# state: rbx=0x9000 rax=5 [0x9000]=0x77:4
    .intel_syntax noprefix
    .code32
    add eax, [ebx+4]
    push eax
    mov ecx, [ebx]
    inc ecx
    pop edx
    jnz 1f
    nop
1:  nop

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x6
#       js refused
#     1000 add eax,[ebx+0x4]
#       lea r13d,[rbx+0x4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb2.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@0
#       add r13,[tlb2.host+r14]
#     L0:
#       add eax,[r13]
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1003 push eax
#       lea r13d,[r12-0x4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb2.write+r14]
#       cmp r13,0xffc
#       ja write_slow4@1
#       add r13,[tlb2.host+r14]
#     L1:
#       mov [r13],eax
#       lea r12d,[r12-0x4]
#     1004 mov ecx,[ebx]
#       lea r13d,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb2.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@2
#       add r13,[tlb2.host+r14]
#     L2:
#       mov ecx,[r13]
#     1006 inc ecx
#       bt dword ptr [flags],0x8
#       inc ecx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1007 pop edx
#       lea r13d,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb2.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@4
#       add r13,[tlb2.host+r14]
#     L3:
#       mov edx,[r13]
#       lea r12d,[r12+0x4]
#     1008 jne 0x100b
#       test byte ptr [flags+1],0x40
#       je block 100b
#       jmp block 100a
#   block 100a:
#       sub r11d,0x2
#       js refused
#     100a nop
#     100b nop
#       jmp block 100c
#   block 100b:
#       sub r11d,0x1
#       js refused
#     100b nop
#       jmp block 100c
# insns: 9 guest, 58 host, 33 cold, 481 bytes
# after:
#   7 instructions
#   rcx=0x78
#   rdx=0x5
#   rflags=0x6
#   [0x7ff8]=00 00 00 00 05 00 00 00
