# A loop that owes its flags to itself: the load at its top faults in the end, and shows those of the comparison before.
# mode: long
# state: rbx=0x1000 rsi=0x1013 rdi=0x9000
    .intel_syntax noprefix
1:  mov rdx, [rbx]
    mov rcx, [rdi]
    shl rdi, 4
    add rbx, 1
    cmp rbx, rsi
    jne 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x6
#       js refused
#     1000 mov rdx,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rdx,[r13]
#     1003 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L1:
#       mov rcx,[r13]
#     1006 shl rdi,0x4
#       shl rdi,0x4
#     100a add rbx,0x1
#       add rbx,0x1
#     100e cmp rbx,rsi
#       cmp rbx,rsi
#     1011 jne 0x1000
#       mov dword ptr [owed],0x80000001
#       jne block 1000, owing
#       jmp block 1013, owing
# after:
#   exception 14
#   32 instructions
#   rcx=0xffffffffffffffff
#   rdx=0xc3834804e7c1480f
#   rbx=0x1005
#   rsp=0xffd0
#   rdi=0x900000000
#   rflags=0x83
#   cr2=0x900000000
