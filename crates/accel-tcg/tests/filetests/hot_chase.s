# A hot loop of dependent loads: walking a list.
# mode: long
# state: rbx=0x9000 rcx=6 [0x9000]=0x9100:8 [0x9100]=0x9200:8 [0x9200]=0x9000:8
    .intel_syntax noprefix
1:  mov rbx, [rbx]
    sub ecx, 1
    jnz 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x3
#       js refused
#     1000 mov rbx,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rbx,[r13]
#     1003 sub ecx,0x1
#       sub ecx,0x1
#     1006 jne 0x1000
#       mov dword ptr [owed],0x80000001
#       jne block 1000, owing
#       jmp block 1008, owing
# insns: 3 guest, 15 host, 23 cold, 185 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   18 instructions
#   rcx=0x0
#   rflags=0x46
