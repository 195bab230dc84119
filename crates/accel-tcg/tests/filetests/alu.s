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
#       mov dword ptr [owed],0x0
#       sub r11d,0xd
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
#       xor r9,0x55
#     100e mov rsi,rcx
#       mov rsi,rcx
#     1011 add rsi,0x12345678
#       add rsi,0x12345678
#     1018 imul rdi,rsi,0x3
#       imul rdi,rsi,0x3
#     101c add r12,r13
#       mov r14,[gpr.r13]
#       add r10,r14
#     101f adc r8,r12
#       adc r8,r10
#     1022 neg rbx
#       neg rbx
#     1025 not r13d
#       mov r13,[gpr.r13]
#       not r13d
#       mov [gpr.r13],r13
#     1028 cmp r12,r9
#       cmp r10,r9
#       mov dword ptr [owed],0x80000001
#       jmp block 102b, owing
# insns: 13 guest, 21 host, 11 cold, 141 bytes
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
