# Bit instructions: scans, tests, BMI.
# mode: long
# state: rax=0xf0 rbx=0 rcx=0x123456789abcdef0 rdx=0x0f0f
    .intel_syntax noprefix
    bsf rsi, rax
    bsr rdi, rbx
    bt rax, 5
    bts rbx, 7
    popcnt r8, rcx
    tzcnt r9, rcx
    lzcnt r10d, ecx
    andn r11, rdx, rcx
    pext rbp, rcx, rdx
    shlx rdx, rcx, rax
    bswap rcx
    movbe eax, [rip]

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0xc
#       js refused
#     1000 bsf rsi,rax
#       bsf r13,rax
#       cmovne rsi,r13
#     1004 bsr rdi,rbx
#       bsr r13,rbx
#       cmovne rdi,r13
#     1008 bt rax,0x5
#       bt rax,0x5
#     100d bts rbx,0x7
#       bts rbx,0x7
#     1012 popcnt r8,rcx
#       popcnt r8,rcx
#     1017 tzcnt r9,rcx
#       tzcnt r9,rcx
#     101c lzcnt r10d,ecx
#       lzcnt r14d,ecx
#       mov [gpr.r10],r14
#     1021 andn r11,rdx,rcx
#       andn r14,rdx,rcx
#       mov [gpr.r11],r14
#       mov r13,rax
#       lahf
#       seto al
#       and eax,0xc101
#       mov [flags],ax
#       mov rax,r13
#     1026 pext rbp,rcx,rdx
#       pext rbp,rcx,rdx
#     102b shlx rdx,rcx,rax
#       shlx rdx,rcx,rax
#     1030 bswap rcx
#       bswap rcx
#     1033 movbe eax,[0x103b]
#       mov r13,[rip_base]
#       lea r13,[r13+0x3b]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@11
#       add r13,[tlb0.host+r14]
#     L0:
#       movbe eax,[r13]
#       jmp block 103b
# insns: 12 guest, 34 host, 10 cold, 222 bytes
# after:
#   12 instructions
#   rax=0xebfe0000
#   rcx=0xf0debc9a78563412
#   rdx=0xdef0000000000000
#   rbx=0x80
#   rbp=0xe0
#   rsi=0x4
#   r8=0x20
#   r9=0x4
#   r11=0x123456789abcd0f0
