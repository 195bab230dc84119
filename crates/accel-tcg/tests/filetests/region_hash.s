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
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#       jump block1(v20, v1, v3, v4, v17, v18, v19, v2)
#   block1(v21: i32, v97: i64, v98: i64, v99: i64, v100: i64, v101: i64, v102: i64, v103: i64):
#       v22 = iconst.i32 8
#       v23 = isub v21, v22  ; v22 = 8
#       v24 = iconst.i32 0
#       v25 = icmp slt v23, v24  ; v24 = 0
#       brif v25, block2, block3
#   block3:
#     1000 imul rax,rax,0x1f
#       v35 = iconst.i64 31
#       v36 = imul v35, v97  ; v35 = 31
#       v37 = smulhi v35, v97  ; v35 = 31
#       v38 = iconst.i64 63
#       v39 = sshr v36, v38  ; v38 = 63
#       v40 = icmp ne v37, v39
#       v42 = bxor v40, v40
#       v43 = uextend.i64 v40
#       v44 = uextend.i64 v42
#       v45 = iconst.i64 63
#       v46 = iconst.i64 62
#       v47 = ishl v43, v45  ; v45 = 63
#       v48 = ishl v44, v46  ; v46 = 62
#       v49 = bor v47, v48
#     1004 add rax,rdx
#       v52 = iadd v36, v98
#     100a shr rbx,0xd
#       v54 = iconst.i64 13
#       v55 = iconst.i64 1
#       v56 = iconst.i64 63
#       v57 = ushr v52, v54  ; v54 = 13
#       v58 = isub v54, v55  ; v54 = 13, v55 = 1
#       v59 = ushr v52, v58
#       v60 = iconst.i64 62
#       v61 = ushr v57, v56  ; v56 = 63
#       v62 = ushr v57, v60  ; v60 = 62
#       v63 = bxor v61, v62
#       v64 = band v59, v55  ; v55 = 1
#       v65 = ireduce.i8 v64
#       v66 = band v63, v55  ; v55 = 1
#       v67 = ireduce.i8 v66
#       v68 = bxor v65, v67
#       v69 = uextend.i64 v65
#       v70 = uextend.i64 v68
#       v71 = iconst.i64 63
#       v72 = iconst.i64 62
#       v73 = ishl v69, v71  ; v71 = 63
#       v74 = ishl v70, v72  ; v72 = 62
#       v75 = bor v73, v74
#     100e xor rax,rbx
#       v77 = bxor v52, v57
#     1011 inc rdx
#       v80 = iconst.i64 1
#       v81 = iconst.i8 0
#       v82 = iadd.i64 v98, v80  ; v80 = 1
#       v84 = uextend.i64 v81  ; v81 = 0
#     1014 cmp rdx,rcx
#       v86 = isub v82, v103
#       v87 = iconst.i64 3
#     1017 jne 0x1000
#       v88 = icmp eq v82, v103
#       brif v88, block4, block1(v23, v77, v82, v57, v87, v86, v82, v103)  ; v87 = 3
#   2 cold blocks
