# A hot loop of integer arithmetic: FNV-1a with a multiplication and a rotation.
# mode: long
# state: rax=0xcbf29ce484222325 rcx=100 rdx=0x100000001b3 rdi=0x12345
    .intel_syntax noprefix
1:  xor rax, rdi
    imul rax, rdx
    rol rax, 13
    add rdi, 7
    dec rcx
    jne 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x6
#       js refused
#     1000 xor rax,rdi
#       xor rax,rdi
#     1003 imul rax,rdx
#       imul rax,rdx
#     1007 rol rax,0xd
#       rol rax,0xd
#     100b add rdi,0x7
#       add rdi,0x7
#     100f dec rcx
#       dec rcx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1012 jne 0x1000
#       jne block 1000
#       jmp block 1014
# insns: 6 guest, 15 host, 7 cold, 99 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   600 instructions
#   rax=0x303aae12fc346ccb
#   rcx=0x0
#   rdi=0x12601
#   rflags=0x46
