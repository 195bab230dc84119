# A hot loop of an interpreter: a byte code, an indirect jump, a handler.
# mode: long
# state: rsi=0x9000 [0x9000]=0x0201000100:5
    .intel_syntax noprefix
    xor eax, eax
1:  movzx ecx, byte ptr [rsi]
    inc rsi
    lea rdx, [rip+0x15]
    movsxd rcx, dword ptr [rdx+rcx*4]
    add rcx, rdx
    jmp rcx
add_one:
    add eax, 1
    jmp 1b
twice:
    add eax, eax
    jmp 1b
    .balign 4
table:
    .long add_one - table, twice - table, done - table
done:
    nop

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x7
#       js refused
#     1000 xor eax,eax
#       xor eax,eax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1002 movzx ecx,byte ptr [rsi]
#       lea r13,[rsi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xfff
#       ja read_slow1@1
#       add r13,[tlb0.host+r14]
#     L0:
#       movzx ecx,byte ptr [r13]
#     1005 inc rsi
#       bt dword ptr [flags],0x8
#       inc rsi
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1008 lea rdx,[0x1024]
#       mov r13,[rip_base]
#       lea r13,[r13+0x24]
#       mov rdx,r13
#     100f movsxd rcx,[rdx+rcx*4]
#       lea r13,[rdx+rcx*4]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@4
#       add r13,[tlb0.host+r14]
#     L1:
#       movsxd rcx,[r13]
#     1013 add rcx,rdx
#       add rcx,rdx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1016 jmp rcx
#       mov r13,rcx
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@6
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@6
#     L2:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
# insns: 7 guest, 57 host, 18 cold, 345 bytes
# after:
#   40 instructions
#   rax=0x6
#   rcx=0x1030
#   rdx=0x1024
#   rsi=0x9005
#   rflags=0x16
