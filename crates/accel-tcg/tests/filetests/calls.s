# CALL and RET in a page: the call is linked, the return looks its target up.
# mode: long
# state: rax=1
    .intel_syntax noprefix
    mov ecx, 3
2:  call 1f
    dec ecx
    jnz 2b
    jmp 3f
1:  add rax, rax
    ret
3:  nop

# host:
#   block 1000:
#       sub r11d,0x2
#       js refused
#     1000 mov ecx,0x3
#       mov ecx,0x3
#     1005 call 0x1010
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[rip_base]
#       lea r14,[r14+0xa]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       jmp block 1010
#   block 1005:
#       sub r11d,0x1
#       js refused
#     1005 call 0x1010
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[rip_base]
#       lea r14,[r14+0xa]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       jmp block 1010
#   block 100a:
#       sub r11d,0x2
#       js refused
#     100a dec ecx
#       bt dword ptr [flags],0x8
#       dec ecx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     100c jne 0x1005
#       jne block 1005
#       jmp block 100e
#   block 100e:
#       sub r11d,0x1
#       js refused
#     100e jmp 0x1014
#       jmp block 1014
#   block 1010:
#       mov dword ptr [owed],0x0
#       sub r11d,0x2
#       js refused
#     1010 add rax,rax
#       add rax,rax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1013 ret
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r13,[r13]
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
#     L1:
#       lea r12,[r12+0x8]
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 1014:
#       sub r11d,0x1
#       js refused
#     1014 nop
#       jmp block 1015
# insns: 9 guest, 79 host, 49 cold, 646 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   18 instructions
#   rax=0x8
#   rflags=0x46
#   [0x7ff8]=0a 10 00 00 00 00 00 00
