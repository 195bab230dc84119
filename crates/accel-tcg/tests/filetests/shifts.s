# Shifts by constants are the host's; by CL they keep the flags if the count is 0.
# mode: long
# state: rax=0x8000000000000001 rbx=0xff rcx=4 rdx=0x12345678
    .intel_syntax noprefix
    shl rax, 3
    shr ebx, 1
    sar rdx, 4
    rol edx, 8
    shl rbx, cl
    sar ebx, cl
    shld rax, rdx, 4

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x7
#       js refused
#     1000 shl rax,0x3
#       shl rax,0x3
#     1004 shr ebx,0x1
#       shr ebx,0x1
#     1006 sar rdx,0x4
#       sar rdx,0x4
#       mov r13,rax
#       lahf
#       seto al
#       and ah,0xef
#       mov [flags],ax
#       mov rax,r13
#     100a rol edx,0x8
#       mov [scratch],rax
#       movzx eax,word ptr [flags]
#       add al,0x7f
#       sahf
#       mov rax,[scratch]
#       rol edx,0x8
#     100d shl rbx,cl
#       shl rbx,cl
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       test cl,0x3f
#       je L0
#       and byte ptr [flags+1],0xef
#     1010 sar ebx,cl
#     L0:
#       mov [scratch],rax
#       movzx eax,word ptr [flags]
#       add al,0x7f
#       sahf
#       mov rax,[scratch]
#       sar ebx,cl
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       test cl,0x1f
#       je L1
#       and byte ptr [flags+1],0xef
#     1012 shld rax,rdx,0x4
#     L1:
#       mov r13,handler 0
#       call helper
#       jmp block 1017
# insns: 7 guest, 44 host, 5 cold, 190 bytes
# after:
#   7 instructions
#   rax=0x80
#   rdx=0x23456701
#   rbx=0x7f
