# A hot loop over memory: copy and sum.
# mode: long
# state: rsi=0x9000 rdi=0xa000 rcx=8 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9010]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov rax, [rsi+rcx*8-8]
    add rdx, rax
    mov [rdi+rcx*8-8], rax
    sub rcx, 1
    jnz 1b

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x5
#       js refused
#     1000 mov rax,[rsi+rcx*8-0x8]
#       lea r13,[rsi+rcx*8-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xff8
#       ja read_slow8@0
#       add r13,[tlb0.host+r14]
#     L0:
#       mov rax,[r13]
#     1005 add rdx,rax
#       add rdx,rax
#     1008 mov [rdi+rcx*8-0x8],rax
#       lea r13,[rdi+rcx*8-0x8]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xff8
#       ja write_slow8@2
#       add r13,[tlb0.host+r14]
#     L1:
#       mov [r13],rax
#     100d sub rcx,0x1
#       sub rcx,0x1
#     1011 jne 0x1000
#       mov dword ptr [owed],0x80000001
#       jne block 1000, owing
#       jmp block 1013, owing
# insns: 5 guest, 24 host, 35 cold, 289 bytes
# exits: 0 refused, 1 unlinked, 0 interpreted, 0 after handlers, 0 faults
# after:
#   40 instructions
#   rax=0x11223344556677
#   rcx=0x0
#   rdx=0x89ce12569adf2365
#   rflags=0x46
#   [0xa000]=77 66 55 44 33 22 11 00 ef cd ab 89 67 45 23 01
#   [0xa010]=ff ee dd cc bb aa 99 88
