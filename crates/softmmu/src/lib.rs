//! Guest physical memory: RAM blocks, region tree, flat views, dirty bits, TLB
