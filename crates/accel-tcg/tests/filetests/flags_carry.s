# CF through an addition of two words, INC which keeps it, and its own instructions.
# mode: long
# state: rax=0xffffffffffffffff rbx=1 rcx=2 rdx=3
    .intel_syntax noprefix
    add rax, rbx
    adc rcx, rdx
    inc rax
    adc rbx, 0
    stc
    sbb rdx, rdx
    cmc
    rcl rax, 1

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x8
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#     1003 adc rcx,rdx
#       adc rcx,rdx
#     1006 inc rax
#       inc rax
#     1009 adc rbx,0x0
#       adc rbx,0x0
#     100d stc
#       stc
#     100e sbb rdx,rdx
#       sbb rdx,rdx
#     1011 cmc
#       cmc
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1012 rcl rax,0x1
#       mov r13,handler 0
#       call helper
#       jmp block 1015
# insns: 8 guest, 18 host, 5 cold, 97 bytes
# after:
#   8 instructions
#   rax=0x2
#   rcx=0x6
#   rdx=0xffffffffffffffff
#   rflags=0x96
