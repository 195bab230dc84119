# A block ends with its page; an instruction over the end of a page is a block of its own, which looks at the next page.
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
#   block 1ffe:
#       mov dword ptr [owed],0x0
#       sub r11d,0x1
#       js refused
#       mov r13d,0x2000
#       mov r14d,interpret@0
#       call second
#     1ffe add rbx,0x11223344
#       add rbx,0x11223344
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       mov r13,[rip_base]
#       lea r13,[r13+0x1005]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@2005
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@2005
#     L0:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 2005:
#       mov dword ptr [owed],0x0
#       sub r11d,0x1
#       js refused
#     2005 add rcx,0x2
#       add rcx,0x2
#       mov dword ptr [owed],0x80000001
#       jmp block 2009, owing
# insns: 3 guest, 41 host, 34 cold, 356 bytes
# after:
#   3 instructions
#   rax=0x1
#   rcx=0x3
#   rbx=0x11223344
#   rflags=0x6
