# A region that fills memory.
# mode: long
# state: rax=0x1122334455667788 rdi=0x9000 rcx=4
    .intel_syntax noprefix
1:  mov [rdi], rax
    mov [rdi+8], eax
    mov byte ptr [rdi+12], 7
    add rdi, 16
    dec rcx
    jnz 1b

# after:
# clif:
