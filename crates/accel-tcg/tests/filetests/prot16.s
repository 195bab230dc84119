# 16-bit protected mode.
# mode: prot16
# state: rbx=0x9000 rax=0x1234 [0x9000]=0x77:2
    .intel_syntax noprefix
    add ax, [bx]
    push ax
    pop cx
    shl ax, 4

# host:
#   block 1000:
#       sub r11d,0x4
#       js refused
#     1000 add ax,[bx]
#       mov r13,handler 0
#       call helper
#     1002 push ax
#       mov r13,handler 1
#       call helper
#     1003 pop cx
#       mov r13,handler 2
#       call helper
#     1004 shl ax,0x4
#       shl ax,0x4
#       mov r13,rax
#       lahf
#       seto al
#       and ah,0xef
#       mov [flags],ax
#       mov rax,r13
#       mov r14d,unlinked@1007
#       jmp exit
# insns: 4 guest, 17 host, 5 cold, 114 bytes
# after:
#   4 instructions
#   rax=0x2ab0
#   rcx=0x12ab
#   rflags=0x803
#   [0x7ff8]=00 00 00 00 00 00 ab 12
