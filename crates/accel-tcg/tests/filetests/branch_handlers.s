# Branches without a row: handlers that end the block.
# mode: long
# state: rcx=2
    .intel_syntax noprefix
1:  loop 1b
    jrcxz 2f
    nop
2:  int3

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 loop 0x1000
#       mov r13,handler 0
#       call helper
#   block 1002:
#       sub r11d,0x1
#       js refused
#     1002 jrcxz 0x1005
#       mov r13,handler 0
#       call helper
#   block 1004:
#       sub r11d,0x2
#       js refused
#     1004 nop
#     1005 int3
#       mov r13,handler 0
#       call helper
#   block 1005:
#       sub r11d,0x1
#       js refused
#     1005 int3
#       mov r13,handler 0
#       call helper
# insns: 5 guest, 16 host, 12 cold, 160 bytes
# exits: 0 refused, 0 unlinked, 0 interpreted, 1 after handlers, 0 faults
# after:
#   exception 3
#   5 instructions
#   rcx=0x0
#   rsp=0xffd8
