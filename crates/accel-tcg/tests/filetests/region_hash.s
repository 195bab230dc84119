# A region without memory: multiply, shift and mix.
# mode: long
# state: rax=0xcbf29ce484222325 rcx=100
    .intel_syntax noprefix
1:  imul rax, rax, 31
    add rax, rdx
    mov rbx, rax
    shr rbx, 13
    xor rax, rbx
    inc rdx
    cmp rdx, rcx
    jne 1b

# after:
# clif:
