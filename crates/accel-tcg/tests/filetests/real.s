# Real mode: segments have limits, so what touches memory is a handler's.
# mode: real
# state: rbx=0x9000 rax=0x1234 rcx=3 [0x9000]=0x77:2
    .intel_syntax noprefix
1:  add ax, cx
    mov [bx], ax
    mov edx, eax
    loop 1b
    inc bx

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x4
#       js refused
#     1000 add ax,cx
#       add ax,cx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1002 mov [bx],ax
#       mov r13,handler 0
#       call helper
#     1004 mov edx,eax
#       mov edx,eax
#     1007 loop 0x1000
#       mov r13,handler 1
#       call helper
#   block 1009:
#       sub r11d,0x1
#       js refused
#     1009 inc bx
#       bt dword ptr [flags],0x8
#       inc bx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       mov r14d,unlinked@100a
#       jmp exit
# insns: 5 guest, 25 host, 8 cold, 154 bytes
# after:
#   13 instructions
#   rax=0x123a
#   rcx=0x0
#   rdx=0x123a
#   rbx=0x9001
#   rflags=0x82
#   [0x9000]=3a 12 00 00 00 00 00 00
