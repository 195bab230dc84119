# A region of two loops: entered at the outer one.
# mode: long
# state: rcx=3
# region: 0x1002
    .intel_syntax noprefix
    xor ebx, ebx
1:  mov edx, 4
2:  add rbx, rcx
    dec edx
    jnz 2b
    dec ecx
    jnz 1b

# after:
# clif:
