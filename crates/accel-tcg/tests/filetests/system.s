# System instructions that need no handler; flags of PUSHFQ come from two places.
# mode: long
# state: rax=1 rbx=2 rflags=0x203
    .intel_syntax noprefix
    add rax, rbx
    pushfq
    cli
    mov ecx, ds
    mov r9d, ss

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x5
#       js refused
#     1000 add rax,rbx
#       add rax,rbx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1003 pushfq
#       movzx r14d,byte ptr [flags]
#       shl r14d,0xb
#       movzx r13d,byte ptr [flags+1]
#       and r13d,0xd5
#       or r14,r13
#       or r14,[rflags.control]
#       and r14,0xfffffffffffcffff
#       mov [scratch],r14
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[scratch]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#     1004 cli
#       cmp byte ptr [cpl],0x0
#       jne interpret@2
#       and qword ptr [rflags.control],0xfffffffffffffdff
#     1005 mov ecx,ds
#       movzx ecx,word ptr [ds.selector]
#     1007 mov r9d,ss
#       movzx r9d,word ptr [ss.selector]
#       jmp block 100a
# insns: 5 guest, 33 host, 11 cold, 242 bytes
# after:
#   5 instructions
#   rax=0x3
#   rcx=0x10
#   rsp=0x7ff8
#   r9=0x10
#   rflags=0x6
#   [0x7ff8]=06 02 00 00 00 00 00 00
