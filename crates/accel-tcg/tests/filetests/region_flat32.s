# A region of 32-bit code with flat segments.
# mode: prot32
# state: rsi=0x9000 rdi=0xa000 rcx=5 [0x9000]=0x0123456789abcdef0011223344556677:16
    .intel_syntax noprefix
1:  mov eax, [esi]
    add ebx, eax
    mov [edi], bx
    add esi, 4
    add edi, 2
    sub ecx, 1
    jnz 1b

# after:
# clif:
