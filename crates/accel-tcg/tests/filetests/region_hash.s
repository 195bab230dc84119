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
#   800 instructions
#   rax=0x6b670a17cb1fe13a
#   rdx=0x64
#   rbx=0x35b2289aa15af
#   rflags=0x46
# clif:
#   region 1000: 8 instructions, entered 1 times for 800
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v17 = load.i32 notrap aligned v0+left
#     1000 imul rax,rax,0x1f
#     1017 jne 0x1000
#     1000 imul rax,rax,0x1f
#     100a shr rbx,0xd
#       jump block1(v17, v1, v3, v4)
#   block1(v18: i32, v23: i64, v24: i64, v25: i64):
#       v87 = iconst.i32 8
#       v88 = isub v18, v87  ; v87 = 8
#       v89 = iconst.i32 0
#       v90 = icmp slt v88, v89  ; v89 = 0
#       brif v90, block2, block3
#   block3:
#       v91 = iconst.i64 1
#       v92 = iadd.i64 v24, v91  ; v91 = 1
#     1017 jne 0x1000
#       v55 = icmp eq v92, v2
#       brif v55, block4, block5
#   block5:
#       v93 = iconst.i64 3
#     1017 jne 0x1000
#       store notrap aligned v93, v0+region_flags  ; v93 = 3
#     1014 cmp rdx,rcx
#       v54 = isub.i64 v92, v2
#     1017 jne 0x1000
#       store notrap aligned v54, v0+region_flags+8
#       store.i64 notrap aligned v92, v0+region_flags+16
#       v94 = iconst.i64 31
#       v95 = imul.i64 v23, v94  ; v94 = 31
#     1004 add rax,rdx
#       v34 = iadd v95, v24
#       v96 = iconst.i64 13
#       v97 = ushr v34, v96  ; v96 = 13
#     100e xor rax,rbx
#       v49 = bxor v34, v97
#     1017 jne 0x1000
#       jump block1(v88, v49, v92, v97)
#   2 cold blocks
