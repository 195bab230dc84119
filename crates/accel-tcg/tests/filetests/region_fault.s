# A region that is left by a page fault in the middle of an iteration: everything before it has happened.
# mode: long
# state: rsi=0x9000 rcx=9 [0x9000]=0x9100:8 [0x9100]=0x9200:8 [0x9200]=0x100000000:8
    .intel_syntax noprefix
1:  add rdx, rcx
    mov rsi, [rsi]
    add rbx, rsi
    dec ecx
    jnz 1b

# after:
# clif:
