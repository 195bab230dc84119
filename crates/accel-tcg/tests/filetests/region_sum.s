# A region: the sum of two neighbours, again and again.
# mode: user
# state: rsi=0x9000 rcx=6 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9028]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov eax, [rsi]
    mov edx, [rsi+4]
    add rbx, rax
    add rbx, rdx
    add rsi, 8
    dec ecx
    jne 1b

# after:
# clif:
