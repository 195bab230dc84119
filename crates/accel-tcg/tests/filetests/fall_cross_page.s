# A block ends with its page; an instruction over the end of a page is the interpreter's.
# mode: long
# at: 0x1ffa
# state: rcx=1
    .intel_syntax noprefix
    add rax, 1
    add rbx, 0x11223344
    add rcx, 2

# host:
#   block 1ffa:
#       mov dword ptr [owed],0x0
#       sub r11d,0x1
#       js refused
#     1ffa add rax,0x1
#       add rax,0x1
#       mov dword ptr [owed],0x80000001
#       jmp block 1ffe, owing
#   block 1ffe: the interpreter's
#   block 2005:
#       mov dword ptr [owed],0x0
#       sub r11d,0x1
#       js refused
#     2005 add rcx,0x2
#       add rcx,0x2
#       mov dword ptr [owed],0x80000001
#       jmp block 2009, owing
# insns: 2 guest, 12 host, 22 cold, 162 bytes
# after:
#   3 instructions
#   rax=0x1
#   rcx=0x3
#   rbx=0x11223344
#   rflags=0x6
