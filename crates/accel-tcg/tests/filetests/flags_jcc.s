# A branch behind a comparison asks the host's flags; both ways find them in memory, too.
# mode: long
# state: rax=5 rbx=6
    .intel_syntax noprefix
    cmp rax, rbx
    jb 1f
    mov ecx, 1
1:  mov edx, 2

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     1000 cmp rax,rbx
#       cmp rax,rbx
#     1003 jb 0x100a
#       mov dword ptr [owed],0x80000001
#       jb block 100a, owing
#       jmp block 1005, owing
#   block 1005:
#       sub r11d,0x2
#       js refused
#     1005 mov ecx,0x1
#       mov ecx,0x1
#     100a mov edx,0x2
#       mov edx,0x2
#       jmp block 100f
#   block 100a:
#       sub r11d,0x1
#       js refused
#     100a mov edx,0x2
#       mov edx,0x2
#       jmp block 100f
# insns: 5 guest, 16 host, 29 cold, 214 bytes
# after:
#   3 instructions
#   rdx=0x2
#   rflags=0x97
