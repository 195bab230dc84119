# A load may fault, and then the flags of the addition are looked at: they are saved before it.
# mode: long
# state: rax=0xffffffffffffffff rbx=1 rdi=0x100000000
    .intel_syntax noprefix
    add rax, rbx
    mov rcx, [rdi]
    sub rax, 1

# host:
#   block 1000:
#       sub dword ptr [left],0x3
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1003 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       add r13,0x7
#       and r13,0xfffffffffffff000
#       cmp r13,[tlb0.read+r14]
#       jne read_slow8@1
#       lea r13,[rdi]
#       add r13,[tlb0.addend+r14]
#     L0:
#       mov rcx,[r13]
#     1006 sub rax,0x1
#       sub rax,0x1
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 100a
# insns: 3 guest, 25 host, 9 cold, 155 bytes
# after:
#   exception 14
#   2 instructions
#   rax=0x0
#   rsp=0xffd0
#   rflags=0x57
#   cr2=0x100000000
