# A region with a branch inside: even and odd numbers go different ways, which meet again.
# mode: long
# state: rcx=20 rax=7
    .intel_syntax noprefix
1:  test al, 1
    jz 2f
    lea rax, [rax+rax*2+1]
    inc rbx
    jmp 3f
2:  shr rax, 1
    add rdx, rax
3:  dec rcx
    jnz 1b

# after:
# clif:
