# A load may fault, and then the flags of the addition are looked at; its operands are gone by then.
# mode: long
# state: rax=0xffffffffffffffff rbx=1 rdi=0x100000000
    .intel_syntax noprefix
    add rax, rbx
    mov rbx, 5
    mov rcx, [rdi]
    sub rax, 1

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x4
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1003 mov rbx,0x5
#       mov rbx,0x5
#     100a mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@2
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rcx,[r13]
#     100d sub rax,0x1
#       sub rax,0x1
#       mov dword ptr [owed],0x80000001
#       jmp block 1011, owing
# cold:
#   block 1000:
#     read_slow8@2:
#       lea r13,[rdi]
#       mov r14d,interpret@2
#       call read_slow8
#       jmp L0
#     refused:
#       add r11d,0x4
#     dead:
#       mov r14d,refused
#       jmp exit
#     settles@1011:
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 1011
#     unlinked@1011:
#       mov r14d,unlinked@1011
#       jmp exit
# insns: 4 guest, 21 host, 15 cold, 174 bytes
# exits: 0 refused, 0 unlinked, 1 interpreted, 1 after handlers, 0 faults
# after:
#   exception 14
#   3 instructions
#   rax=0x0
#   rbx=0x5
#   rsp=0xffd0
#   rflags=0x57
#   cr2=0x100000000
