# MUL, IMUL and DIV; a division that would fault leaves before it.
# mode: long
# state: rax=0x100000001 rbx=0x10000 rcx=7 rdx=0
    .intel_syntax noprefix
    mul rbx
    imul eax, ecx
    xor edx, edx
    div ecx
    cdqe
    idiv rcx
    xor ebx, ebx
    div ebx

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x8
#       js refused
#     1000 mul rbx
#       mul rbx
#     1003 imul eax,ecx
#       imul eax,ecx
#     1006 xor edx,edx
#       xor edx,edx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1008 div ecx
#       cmp edx,ecx
#       jae interpret@3
#       div ecx
#     100a cdqe
#       cdqe
#     100c idiv rcx
#       mov r14,rax
#       sar r14,0x3f
#       cmp r14,rdx
#       jne interpret@5
#       mov r14,rcx
#       inc r14
#       cmp r14,0x1
#       jbe interpret@5
#       idiv rcx
#     100f xor ebx,ebx
#       xor ebx,ebx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1011 div ebx
#       cmp edx,ebx
#       jae interpret@7
#       div ebx
#       jmp block 1013
# insns: 8 guest, 34 host, 13 cold, 190 bytes
# after:
#   exception 0
#   8 instructions
#   rax=0x2492
#   rdx=0x2
#   rbx=0x0
#   rsp=0xffd8
#   rflags=0x46
