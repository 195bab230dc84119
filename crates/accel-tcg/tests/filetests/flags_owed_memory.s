# A comparison with memory keeps what it read for whoever makes its flags.
# mode: long
# state: rbx=0x1000 rsi=0x8b48 rdi=0x9000
    .intel_syntax noprefix
1:  mov rcx, [rdi]
    shl rdi, 4
    add rbx, 1
    cmp si, [rbx]
    jne 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x5
#       js refused
#     1000 mov rcx,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rcx,[r13]
#     1003 shl rdi,0x4
#       shl rdi,0x4
#     1007 add rbx,0x1
#       add rbx,0x1
#     100b cmp si,[rbx]
#       lea r13,[rbx]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffe
#       ja read_slow2@3
#       add r13,[tlb0.host+r14]
#     L1:
#       movzx r13d,word ptr [r13]
#       mov [snapshot],r13
#       cmp si,r13w
#     100e jne 0x1000
#       mov dword ptr [owed],0x80000001
#       jne block 1000, owing
#       jmp block 1010, owing
# after:
#   exception 14
#   26 instructions
#   rcx=0xffffffffffffffff
#   rbx=0x1005
#   rsp=0xffd0
#   rdi=0x900000000
#   rflags=0x82
#   cr2=0x900000000
