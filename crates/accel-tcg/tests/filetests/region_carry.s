# A region whose carry lives across the back edge: the sum of two long numbers.
# mode: long
# state: rsi=0x9000 rdi=0xa000 rcx=4 [0x9000]=0xffffffffffffffffffffffffffffffff:16 [0xa000]=1:8 [0xa010]=0x5:8
    .intel_syntax noprefix
    clc
1:  mov rax, [rsi]
    adc [rdi], rax
    lea rsi, [rsi+8]
    lea rdi, [rdi+8]
    dec ecx
    jnz 1b
    setc al

# after:
# clif:
