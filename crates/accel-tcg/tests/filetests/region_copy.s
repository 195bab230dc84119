# A region: copy and sum.
# mode: long
# state: rsi=0x9000 rdi=0xa000 rcx=8 [0x9000]=0x0123456789abcdef0011223344556677:16 [0x9010]=0x8899aabbccddeeff:8
    .intel_syntax noprefix
1:  mov rax, [rsi+rcx*8-8]
    add rdx, rax
    mov [rdi+rcx*8-8], rax
    sub rcx, 1
    jnz 1b

# after:
# clif:
