# Conditions on flags that are in memory: one test of a byte where that can tell.
# mode: long
# state: rax=1 rdi=0x9000 [0x9000]=0x5:8
    .intel_syntax noprefix
    cmp rax, 1
    mov rcx, [rdi]
    sete dl
    mov rcx, [rdi]
    setb bl
    mov rcx, [rdi]
    setg sil
    mov rcx, [rdi]
    cmovne rbp, rcx

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x9
#       js refused
#     1000 cmp rax,0x1
#       cmp rax,0x1
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1004 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rcx,[r13]
#     1007 sete dl
#       test byte ptr [flags+1],0x40
#       setne dl
#     100a mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@3
#       add r13,[tlb0.host+r14]
#     L1:
#       mov rcx,[r13]
#     100d setb bl
#       bt dword ptr [flags],0x8
#       setb bl
#     1010 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@5
#       add r13,[tlb0.host+r14]
#     L2:
#       mov rcx,[r13]
#     1013 setg sil
#       mov [scratch],rax
#       movzx eax,word ptr [flags]
#       add al,0x7f
#       sahf
#       mov rax,[scratch]
#       setg sil
#     1017 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@7
#       add r13,[tlb0.host+r14]
#     L3:
#       mov rcx,[r13]
#     101a cmovne rbp,rcx
#       test byte ptr [flags+1],0x40
#       cmove rbp,rcx
#       jmp block 101e
# insns: 9 guest, 54 host, 21 cold, 386 bytes
# after:
#   9 instructions
#   rcx=0x5
#   rdx=0x1
#   rflags=0x46
