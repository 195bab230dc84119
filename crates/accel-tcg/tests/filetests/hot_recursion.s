# A hot recursion: Fibonacci numbers.
# mode: long
# state: rdi=10
    .intel_syntax noprefix
    call fib
    jmp end
fib:
    push rbx
    mov rbx, rdi
    mov eax, 1
    cmp rdi, 2
    jb 1f
    lea rdi, [rbx-1]
    call fib
    push rax
    lea rdi, [rbx-2]
    call fib
    pop rdx
    add rax, rdx
1:  pop rbx
    ret
end:
    nop

# host:
#   block 1000:
#       sub r11d,0x1
#       js refused
#     1000 call 0x1007
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[rip_base]
#       lea r14,[r14+0x5]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       jmp block 1007
#   block 1005:
#       sub r11d,0x1
#       js refused
#     1005 jmp 0x102f
#       jmp block 102f
#   block 1007:
#       mov dword ptr [owed],0x0
#       sub r11d,0x5
#       js refused
#     1007 push rbx
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov [r13],rbx
#       lea r12,[r12-0x8]
#     1008 mov rbx,rdi
#       mov rbx,rdi
#     100b mov eax,0x1
#       mov eax,0x1
#     1010 cmp rdi,0x2
#       cmp rdi,0x2
#     1014 jb 0x102d
#       mov dword ptr [owed],0x80000001
#       jb block 102d, owing
#       jmp block 1016, owing
#   block 1016:
#       sub r11d,0x2
#       js refused
#     1016 lea rdi,[rbx-0x1]
#       lea rdi,[rbx-0x1]
#     101a call 0x1007
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@1
#       add r13,[tlb0.host+r14]
#     L0:
#       mov r14,[rip_base]
#       lea r14,[r14+0x1f]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       jmp block 1007
#   block 101f:
#       sub r11d,0x3
#       js refused
#     101f push rax
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov [r13],rax
#       lea r12,[r12-0x8]
#     1020 lea rdi,[rbx-0x2]
#       lea rdi,[rbx-0x2]
#     1024 call 0x1007
#       lea r13,[r12-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@2
#       add r13,[tlb0.host+r14]
#     L1:
#       mov r14,[rip_base]
#       lea r14,[r14+0x29]
#       mov [r13],r14
#       lea r12,[r12-0x8]
#       jmp block 1007
#   block 1029:
#       mov dword ptr [owed],0x0
#       sub r11d,0x4
#       js refused
#     1029 pop rdx
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rdx,[r13]
#       lea r12,[r12+0x8]
#     102a add rax,rdx
#       add rax,rdx
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     102d pop rbx
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@2
#       add r13,[tlb0.host+r14]
#     L1:
#       mov rbx,[r13]
#       lea r12,[r12+0x8]
#     102e ret
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@3
#       add r13,[tlb0.host+r14]
#     L2:
#       mov r13,[r13]
#       mov r14d,r13d
#       shr r14d,0xa
#       xor r14d,r13d
#       and r14d,0x3fff
#       shl r14d,0x5
#       add r14,[jumps]
#       cmp r13,[r14]
#       jne find@3
#       shr r13,0x3f
#       mov r13,[tags+r13*8]
#       cmp r13,[r14+0x8]
#       jne find@3
#     L3:
#       lea r12,[r12+0x8]
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 102d:
#       sub r11d,0x2
#       js refused
#     102d pop rbx
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rbx,[r13]
#       lea r12,[r12+0x8]
#     102e ret
#       lea r13,[r12]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@1
#       add r13,[tlb0.host+r14]
#     L1:
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
#     L2:
#       lea r12,[r12+0x8]
#       mov r13,[r14+0x10]
#       mov [rip_base],r13
#       jmp qword ptr [r14+0x18]
#   block 102f:
#       sub r11d,0x1
#       js refused
#     102f nop
#       jmp block 1030
# insns: 19 guest, 163 host, 104 cold, 1399 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   1858 instructions
#   rax=0x59
#   rdx=0x37
#   rdi=0x0
#   rflags=0x6
#   [0x7f58]=02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
#   [0x7f68]=02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
#   [0x7f78]=02 00 00 00 00 00 00 00 29 10 00 00 00 00 00 00
#   [0x7f88]=01 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00
#   [0x7f98]=29 10 00 00 00 00 00 00 03 00 00 00 00 00 00 00
#   [0x7fa8]=06 00 00 00 00 00 00 00 29 10 00 00 00 00 00 00
#   [0x7fb8]=08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00
#   [0x7fc8]=29 10 00 00 00 00 00 00 15 00 00 00 00 00 00 00
#   [0x7fd8]=0a 00 00 00 00 00 00 00 29 10 00 00 00 00 00 00
#   [0x7fe8]=37 00 00 00 00 00 00 00
#   [0x7ff8]=05 10 00 00 00 00 00 00
