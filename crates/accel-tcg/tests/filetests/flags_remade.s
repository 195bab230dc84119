# Flags that only a failing probe shows: the straight way does not save them, the cold one makes them again.
# mode: long
# state: rax=0xffffffffffffffff rbx=1 rdi=0x100000000
    .intel_syntax noprefix
    cmp rax, rbx
    mov rcx, [rdi]
    sub rax, 1
    jz 1f
1:  nop

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x4
#       js refused
#     1000 cmp rax,rbx
#       cmp rax,rbx
#     1003 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rcx,[r13]
#     1006 sub rax,0x1
#       sub rax,0x1
#     100a je 0x100c
#       mov dword ptr [owed],0x80000001
#       je block 100c, owing
#       jmp block 100c, owing
#   block 100c:
#       sub r11d,0x1
#       js refused
#     100c nop
#       jmp block 100d
# cold:
#   block 1000:
#     read_slow8@1:
#       cmp rax,rbx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       lea r13,[rdi]
#       mov r14d,interpret@1
#       call read_slow8
#       jmp L0
#     refused:
#       add r11d,0x4
#     dead:
#       mov r14d,refused
#       jmp exit
#     settles@100c:
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 100c
#     unlinked@100c:
#       mov r14d,unlinked@100c
#       jmp exit
#     settles@100c:
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 100c
#     unlinked@100c:
#       mov r14d,unlinked@100c
#       jmp exit
#   block 100c:
#     refused:
#       add r11d,0x1
#     dead:
#       mov r14d,refused
#       jmp exit
#     unlinked@100d:
#       mov r14d,unlinked@100d
#       jmp exit
# insns: 5 guest, 19 host, 34 cold, 248 bytes
# exits: 0 refused, 0 unlinked, 1 interpreted, 1 after handlers, 0 faults
# after:
#   exception 14
#   2 instructions
#   rsp=0xffd0
#   rflags=0x82
#   cr2=0x100000000
