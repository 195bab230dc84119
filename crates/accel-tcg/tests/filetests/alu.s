# Arithmetic and logic between registers: the guest's own opcodes with its registers renamed.
# mode: long
# state: rax=0x7fffffffffffffff rbx=1 rcx=0xff00 rdx=0x1234 r9=0x10 r12=5 r13=7
    .intel_syntax noprefix
    add rax, rbx
    sub ecx, edx
    and dx, bx
    or  cl, dl
    xor r9, 0x55
    mov rsi, rcx
    add rsi, 0x12345678
    imul rdi, rsi, 3
    add r12, r13
    adc r8, r12
    neg rbx
    not r13d
    cmp r12, r9

# host:
#   block 1000:
#       sub dword ptr [left],0xd
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#     1003 sub ecx,edx
#       sub ecx,edx
#     1005 and dx,bx
#       and dx,bx
#     1008 or cl,dl
#       or cl,dl
#     100a xor r9,0x55
#       mov r13,[gpr.r9]
#       xor r13,0x55
#       mov [gpr.r9],r13
#     100e mov rsi,rcx
#       mov rsi,rcx
#     1011 add rsi,0x12345678
#       add rsi,0x12345678
#     1018 imul rdi,rsi,0x3
#       imul rdi,rsi,0x3
#     101c add r12,r13
#       add r8,r9
#     101f adc r8,r12
#       mov r13,[gpr.r8]
#       adc r13,r8
#       mov [gpr.r8],r13
#     1022 neg rbx
#       neg rbx
#     1025 not r13d
#       not r9d
#     1028 cmp r12,r9
#       mov r14,[gpr.r9]
#       cmp r8,r14
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       jmp block 102b
# insns: 13 guest, 26 host, 5 cold, 135 bytes
# after:
#   13 instructions
#   rax=0x8000000000000000
#   rcx=0xeccc
#   rdx=0x0
#   rbx=0xffffffffffffffff
#   rsi=0x12354344
#   rdi=0x369fc9cc
#   r8=0xc
#   r9=0x45
#   r12=0xc
#   r13=0xfffffff8
#   rflags=0x83
