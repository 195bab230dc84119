//! Debug registers and MSRs.
//! SDM vol. 3B, 19.2 (debug registers); vol. 4 (MSRs).

use serde::{Deserialize, Serialize};

/// DR0..DR3, DR6, DR7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugRegs {
    /// Breakpoint addresses, linear.
    pub addr: [u64; 4],
    /// Status.
    pub dr6: u64,
    /// Control.
    pub dr7: u64,
}

/// MSRs held by the CPU itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Msrs {
    /// IA32_EFER.
    pub efer: u64,
    /// IA32_STAR.
    pub star: u64,
    /// IA32_LSTAR.
    pub lstar: u64,
    /// IA32_CSTAR.
    pub cstar: u64,
    /// IA32_FMASK.
    pub fmask: u64,
    /// IA32_KERNEL_GS_BASE.
    pub kernel_gs_base: u64,
    /// IA32_SYSENTER_CS.
    pub sysenter_cs: u64,
    /// IA32_SYSENTER_ESP.
    pub sysenter_esp: u64,
    /// IA32_SYSENTER_EIP.
    pub sysenter_eip: u64,
    /// IA32_TSC_AUX.
    pub tsc_aux: u64,
    /// Added to the clock's ticks to give the TSC (WRMSR TSC, IA32_TSC_ADJUST).
    pub tsc_offset: u64,
    /// IA32_TSC_ADJUST.
    pub tsc_adjust: u64,
    /// IA32_PAT.
    pub pat: u64,
    /// IA32_MTRR_DEF_TYPE.
    pub mtrr_def_type: u64,
    /// Fixed-range MTRRs in MSR order: 250h, 258h, 259h, 268h..=26Fh.
    pub mtrr_fixed: [u64; 11],
    /// Variable MTRRs: base and mask of each pair.
    pub mtrr_var: [(u64, u64); 8],
    /// IA32_MISC_ENABLE.
    pub misc_enable: u64,
    /// MSRs that are read back as written and do nothing else, by number, sorted.
    pub plain: Vec<(u32, u64)>,
}
