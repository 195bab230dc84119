# A jump into another page is looked up, for what maps this page does not map the other.
# mode: long
# at: 0x1ff0
# state: rcx=0x20
    .intel_syntax noprefix
1:  dec rcx
    jz 3f
    jmp 2f
    .org 0x10, 0x90
2:  add rax, rcx
    jmp 1b
3:  nop

# host:
#   block 1ff0:
#       sub r11d,0x2
#       js refused
#     1ff0 dec rcx
#       bt dword ptr [flags],0x8
#       dec rcx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1ff3 je 0x2005
#       jne L1
#       mov r13,[rip_base]
#       lea r13,[r13+0x1005]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@1
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@1
#     L0:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#     L1:
#       jmp block 1ff5
#   block 1ff5:
#       sub r11d,0x1
#       js refused
#     1ff5 jmp 0x2000
#       mov r13,[rip_base]
#       lea r13,[r13+0x1000]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@0
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@0
#     L0:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 2000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     2000 add rax,rcx
#       add rax,rcx
#     2003 jmp 0x1ff0
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#       mov r13,[rip_base]
#       lea r13,[r13-0x10]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@1
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@1
#     L0:
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 2005:
#       sub r11d,0x1
#       js refused
#     2005 nop
#       jmp block 2006
# insns: 6 guest, 76 host, 37 cold, 518 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   158 instructions
#   rax=0x1f0
#   rcx=0x0
#   rflags=0x46
