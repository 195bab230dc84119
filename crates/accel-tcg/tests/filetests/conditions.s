# SETcc and CMOVcc behind a comparison ask the host's flags.
# mode: long
# state: rax=5 rbx=7 rdi=0x9000 [0x9000]=0x1234:8 r9=1
    .intel_syntax noprefix
    cmp rax, rbx
    setl cl
    setnb dl
    cmovb rsi, rbx
    cmovg rax, rbx
    cmovb r9, rbx
    test rax, rax
    sete [rdi]
    cmovne ebp, [rdi]

# host:
#   block 1000:
#       mov dword ptr [owed],0x0
#       sub r11d,0x9
#       js refused
#     1000 cmp rax,rbx
#       cmp rax,rbx
#     1003 setl cl
#       setl cl
#     1006 setae dl
#       setae dl
#     1009 cmovb rsi,rbx
#       cmovb rsi,rbx
#     100d cmovg rax,rbx
#       cmovg rax,rbx
#     1011 cmovb r9,rbx
#       cmovb r9,rbx
#     1015 test rax,rax
#       test rax,rax
#       mov r13,rax
#       lahf
#       seto al
#       mov [flags],ax
#       mov rax,r13
#     1018 sete [rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.write+r14]
#       cmp r13,0xfff
#       ja write_slow1@7
#       add r13,[tlb0.host+r14]
#     L0:
#       test byte ptr [flags+1],0x40
#       setne [r13]
#     101b cmovne ebp,[rdi]
#       lea r13,[rdi]
#       rorx r14d,r13d,0x7
#       and r14d,0x7fe0
#       sub r13,[tlb0.read+r14]
#       cmp r13,0xffc
#       ja read_slow4@8
#       add r13,[tlb0.host+r14]
#     L1:
#       test byte ptr [flags+1],0x40
#       cmove ebp,[r13]
#       jmp block 101e
# insns: 9 guest, 34 host, 13 cold, 236 bytes
# after:
#   9 instructions
#   rcx=0x1
#   rbp=0x1200
#   rsi=0x7
#   r9=0x7
#   rflags=0x6
#   [0x9000]=00 12 00 00 00 00 00 00
