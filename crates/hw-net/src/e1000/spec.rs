//! Registers and descriptors of the 82540EM.
//!
//! Intel, "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (8254x), chapters 3, 5, 8 and 13.

/// Vendor and device.
pub(super) const IDS: (u16, u16) = (0x8086, 0x100e);
/// Bytes of the register window.
pub(super) const WINDOW: u64 = 0x2_0000;
/// Registers that are stored: up to the end of the filter tables.
pub(super) const STORED: usize = 0x5a00;

pub(super) const CTRL: usize = 0x0000;
/// A copy of it, for programs that lost the first (13.4.1).
pub(super) const CTRL_DUP: usize = 0x0004;
pub(super) const STATUS: usize = 0x0008;
pub(super) const EECD: usize = 0x0010;
pub(super) const EERD: usize = 0x0014;
pub(super) const CTRL_EXT: usize = 0x0018;
pub(super) const MDIC: usize = 0x0020;
pub(super) const FCAL: usize = 0x0028;
pub(super) const FCAH: usize = 0x002c;
pub(super) const FCT: usize = 0x0030;
pub(super) const VET: usize = 0x0038;
pub(super) const ICR: usize = 0x00c0;
pub(super) const ITR: usize = 0x00c4;
pub(super) const ICS: usize = 0x00c8;
pub(super) const IMS: usize = 0x00d0;
pub(super) const IMC: usize = 0x00d8;
pub(super) const RCTL: usize = 0x0100;
pub(super) const FCTTV: usize = 0x0170;
pub(super) const TXCW: usize = 0x0178;
pub(super) const RXCW: usize = 0x0180;
pub(super) const TCTL: usize = 0x0400;
pub(super) const TIPG: usize = 0x0410;
pub(super) const AIT: usize = 0x0458;
pub(super) const LEDCTL: usize = 0x0e00;
pub(super) const PBA: usize = 0x1000;
pub(super) const FCRTL: usize = 0x2160;
pub(super) const FCRTH: usize = 0x2168;
pub(super) const RDBAL: usize = 0x2800;
pub(super) const RDBAH: usize = 0x2804;
pub(super) const RDLEN: usize = 0x2808;
pub(super) const RDH: usize = 0x2810;
pub(super) const RDT: usize = 0x2818;
pub(super) const RDTR: usize = 0x2820;
pub(super) const RXDCTL: usize = 0x2828;
pub(super) const RADV: usize = 0x282c;
pub(super) const RSRPD: usize = 0x2c00;
pub(super) const TDBAL: usize = 0x3800;
pub(super) const TDBAH: usize = 0x3804;
pub(super) const TDLEN: usize = 0x3808;
pub(super) const TDH: usize = 0x3810;
pub(super) const TDT: usize = 0x3818;
pub(super) const TIDV: usize = 0x3820;
pub(super) const TXDCTL: usize = 0x3828;
pub(super) const TADV: usize = 0x382c;
pub(super) const TSPMT: usize = 0x3830;
/// Counters, cleared by reading.
pub(super) const COUNTERS: std::ops::Range<usize> = 0x4000..0x4100;
pub(super) const MPC: usize = 0x4010;
pub(super) const GPRC: usize = 0x4074;
pub(super) const BPRC: usize = 0x4078;
pub(super) const MPRC: usize = 0x407c;
pub(super) const GPTC: usize = 0x4080;
pub(super) const GORCL: usize = 0x4088;
pub(super) const GOTCL: usize = 0x4090;
pub(super) const TORL: usize = 0x40c0;
pub(super) const TOTL: usize = 0x40c8;
pub(super) const TPR: usize = 0x40d0;
pub(super) const TPT: usize = 0x40d4;
pub(super) const RXCSUM: usize = 0x5000;
pub(super) const MTA: std::ops::Range<usize> = 0x5200..0x5400;
pub(super) const RA: std::ops::Range<usize> = 0x5400..0x5480;
pub(super) const VFTA: std::ops::Range<usize> = 0x5600..0x5800;
pub(super) const WUC: usize = 0x5800;
pub(super) const WUFC: usize = 0x5808;
pub(super) const WUS: usize = 0x5810;
pub(super) const MANC: usize = 0x5820;

/// Registers that hold what is written to them, and the bits they have.
pub(super) const PLAIN: &[(usize, u32)] = &[
    (CTRL_EXT, u32::MAX),
    (FCAL, u32::MAX),
    (FCAH, 0xffff),
    (FCT, 0xffff),
    (VET, 0xffff),
    (ITR, 0xffff),
    (FCTTV, 0xffff),
    (TXCW, u32::MAX),
    (TIPG, 0x3fff_ffff),
    (AIT, 0xffff),
    (LEDCTL, u32::MAX),
    (PBA, 0xffff),
    (FCRTL, u32::MAX),
    (FCRTH, 0xfff8),
    (RDBAL, 0xffff_fff0),
    (RDBAH, u32::MAX),
    (RDLEN, 0xf_ff80),
    (RDH, 0xffff),
    (RDTR, 0xffff),
    (RXDCTL, u32::MAX),
    (RADV, 0xffff),
    (RSRPD, 0xfff),
    (TDBAL, 0xffff_fff0),
    (TDBAH, u32::MAX),
    (TDLEN, 0xf_ff80),
    (TDH, 0xffff),
    (TIDV, 0xffff),
    (TXDCTL, u32::MAX),
    (TADV, 0xffff),
    (TSPMT, u32::MAX),
    (RXCSUM, 0x7ff),
    (WUC, 0xf),
    (WUFC, u32::MAX),
    (MANC, u32::MAX),
];

pub(super) mod ctrl {
    pub(in super::super) const SLU: u32 = 1 << 6;
    pub(in super::super) const RST: u32 = 1 << 26;
    pub(in super::super) const VME: u32 = 1 << 30;
    pub(in super::super) const PHY_RST: u32 = 1 << 31;
    /// Full duplex, 1000 Mb/s.
    pub(in super::super) const AT_RESET: u32 = 0x0000_0201;
}

pub(super) mod status {
    pub(in super::super) const LINK_UP: u32 = 1 << 1;
    /// Full duplex, 1000 Mb/s as set and as found, a transmit clock.
    pub(in super::super) const FIXED: u32 = 0x0000_0781;
}

pub(super) mod cause {
    pub(in super::super) const TXDW: u32 = 1 << 0;
    pub(in super::super) const TXQE: u32 = 1 << 1;
    pub(in super::super) const LSC: u32 = 1 << 2;
    pub(in super::super) const RXDMT0: u32 = 1 << 4;
    pub(in super::super) const RXO: u32 = 1 << 6;
    pub(in super::super) const RXT0: u32 = 1 << 7;
    pub(in super::super) const MDAC: u32 = 1 << 9;
    /// All there are.
    pub(in super::super) const ALL: u32 = 0x1_f6df;
}

pub(super) mod rctl {
    pub(in super::super) const EN: u32 = 1 << 1;
    pub(in super::super) const UPE: u32 = 1 << 3;
    pub(in super::super) const MPE: u32 = 1 << 4;
    pub(in super::super) const LPE: u32 = 1 << 5;
    pub(in super::super) const BAM: u32 = 1 << 15;
    pub(in super::super) const VFE: u32 = 1 << 18;
    pub(in super::super) const BSEX: u32 = 1 << 25;
    pub(in super::super) const SECRC: u32 = 1 << 26;
}

pub(super) mod tctl {
    pub(in super::super) const EN: u32 = 1 << 1;
    pub(in super::super) const PSP: u32 = 1 << 3;
}

pub(super) mod rxcsum {
    pub(in super::super) const IPOFL: u32 = 1 << 8;
    pub(in super::super) const TUOFL: u32 = 1 << 9;
}

/// Microwire pins and requests (5.3, 13.4.3).
pub(super) mod eecd {
    pub(in super::super) const SK: u32 = 1 << 0;
    pub(in super::super) const CS: u32 = 1 << 1;
    pub(in super::super) const DI: u32 = 1 << 2;
    pub(in super::super) const DO: u32 = 1 << 3;
    pub(in super::super) const FWE: u32 = 3 << 4;
    pub(in super::super) const REQ: u32 = 1 << 6;
    pub(in super::super) const GNT: u32 = 1 << 7;
    pub(in super::super) const PRES: u32 = 1 << 8;
}

pub(super) mod eerd {
    pub(in super::super) const START: u32 = 1 << 0;
    pub(in super::super) const DONE: u32 = 1 << 4;
}

pub(super) mod mdic {
    pub(in super::super) const WRITE: u32 = 1;
    pub(in super::super) const READ: u32 = 2;
    pub(in super::super) const READY: u32 = 1 << 28;
    pub(in super::super) const INTERRUPT: u32 = 1 << 29;
    pub(in super::super) const ERROR: u32 = 1 << 30;
    /// Address of the only PHY.
    pub(in super::super) const PHY: u32 = 1;
}

/// Receive descriptors (3.2.3).
pub(super) mod rx {
    pub(in super::super) const DD: u8 = 1 << 0;
    pub(in super::super) const EOP: u8 = 1 << 1;
    pub(in super::super) const IXSM: u8 = 1 << 2;
    pub(in super::super) const VP: u8 = 1 << 3;
    pub(in super::super) const TCPCS: u8 = 1 << 5;
    pub(in super::super) const IPCS: u8 = 1 << 6;
}

/// Transmit descriptors (3.3).
pub(super) mod tx {
    pub(in super::super) const EOP: u32 = 1 << 24;
    /// Legacy: insert a checksum.
    pub(in super::super) const IC: u32 = 1 << 26;
    /// Extended: cut.
    pub(in super::super) const TSE: u32 = 1 << 26;
    pub(in super::super) const RS: u32 = 1 << 27;
    pub(in super::super) const RPS: u32 = 1 << 28;
    pub(in super::super) const DEXT: u32 = 1 << 29;
    pub(in super::super) const VLE: u32 = 1 << 30;
    /// Type of an extended one: data; otherwise a context.
    pub(in super::super) const DATA: u32 = 1 << 20;
    /// In a context: TCP, otherwise UDP; IPv4, otherwise IPv6.
    pub(in super::super) const TCP: u32 = 1 << 24;
    pub(in super::super) const IPV4: u32 = 1 << 25;
    /// Options of a data descriptor, in its second byte.
    pub(in super::super) const IXSM: u32 = 1 << 8;
    pub(in super::super) const TXSM: u32 = 1 << 9;
    pub(in super::super) const DD: u32 = 1;
}
