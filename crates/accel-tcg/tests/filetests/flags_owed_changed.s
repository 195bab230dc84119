# What the comparison read is gone when the load behind it faults: flags that are owed could not be made, and are stored.
# mode: long
# state: rbx=0x1000 rsi=0x4000000000000000 rdi=0x9000
    .intel_syntax noprefix
1:  mov rdx, [rbx]
    mov rcx, [rdi]
    shl rdi, 4
    add rbx, 1
    cmp rdx, rsi
    jne 1b

# after:
#   exception 14
#   32 instructions
#   rcx=0xffffffffffffffff
#   rdx=0xc3834804e7c1480f
#   rbx=0x1005
#   rsp=0xffd0
#   rdi=0x900000000
#   rflags=0x806
#   cr2=0x900000000
