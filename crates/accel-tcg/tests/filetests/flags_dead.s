# Flags that the next instruction overwrites are never stored.
# mode: long
# state: rax=1 rbx=2 rcx=3 rdx=4
    .intel_syntax noprefix
    add rax, rbx
    sub rcx, rax
    xor rdx, rcx
    and rax, rdx
    add rbx, rax

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x5
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#     1003 sub rcx,rax
#       sub rcx,rax
#     1006 xor rdx,rcx
#       xor rdx,rcx
#     1009 and rax,rdx
#       and rax,rdx
#     100c add rbx,rax
#       add rbx,rax
#       mov dword ptr [owed],0x80000001
#       jmp block 100f, owing
# insns: 5 guest, 10 host, 11 cold, 92 bytes
# after:
#   5 instructions
#   rax=0x0
#   rcx=0x0
