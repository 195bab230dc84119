//! The target description: which registers there are, as XML that gdb asks for.
//!
//! Feature names and register names are those gdb knows; what it does not know (control registers) is a feature of its
//! own, and gdb shows it all the same.

use crate::registers::Register;
use std::fmt::Write;

const EFLAGS: &[(u32, &str)] = &[
    (0, "CF"),
    (2, "PF"),
    (4, "AF"),
    (6, "ZF"),
    (7, "SF"),
    (8, "TF"),
    (9, "IF"),
    (10, "DF"),
    (11, "OF"),
    (14, "NT"),
    (16, "RF"),
    (17, "VM"),
    (18, "AC"),
    (19, "VIF"),
    (20, "VIP"),
    (21, "ID"),
];

const MXCSR: &[(u32, &str)] = &[
    (0, "IE"),
    (1, "DE"),
    (2, "ZE"),
    (3, "OE"),
    (4, "UE"),
    (5, "PE"),
    (6, "DAZ"),
    (7, "IM"),
    (8, "DM"),
    (9, "ZM"),
    (10, "OM"),
    (11, "UM"),
    (12, "PM"),
    (15, "FZ"),
];

/// Ways to look at a vector register: name, element type, number of elements.
const VECTORS: &[(&str, &str, u32)] = &[
    ("v4_float", "ieee_single", 4),
    ("v2_double", "ieee_double", 2),
    ("v16_int8", "int8", 16),
    ("v8_int16", "int16", 8),
    ("v4_int32", "int32", 4),
    ("v2_int64", "int64", 2),
];

fn feature(register: Register) -> &'static str {
    match register {
        Register::Xmm(_) | Register::Mxcsr => "org.gnu.gdb.i386.sse",
        Register::FsBase | Register::GsBase => "org.gnu.gdb.i386.segments",
        Register::KernelGsBase | Register::Control(_) | Register::Efer => "org.reprise.i386.system",
        _ => "org.gnu.gdb.i386.core",
    }
}

fn kind(register: Register, wide: bool) -> &'static str {
    match register {
        Register::Pc => "code_ptr",
        Register::General(4 | 5) => "data_ptr",
        Register::General(_) if wide => "int64",
        Register::Flags => "i386_eflags",
        Register::Mxcsr => "i386_mxcsr",
        Register::Stack(_) => "i387_ext",
        Register::Xmm(_) => "vec128",
        _ if register.size(wide) == 8 => "uint64",
        Register::Control(_) | Register::FsBase | Register::GsBase => "uint32",
        _ => "int32",
    }
}

fn flags(xml: &mut String, id: &str, bits: &[(u32, &str)]) {
    let _ = writeln!(xml, "<flags id=\"{id}\" size=\"4\">");
    for (bit, name) in bits {
        let _ = writeln!(xml, "<field name=\"{name}\" start=\"{bit}\" end=\"{bit}\"/>");
    }
    xml.push_str("</flags>\n");
}

/// The description of CPUs with 64-bit mode, or without.
pub fn xml(wide: bool) -> String {
    let architecture = if wide { "i386:x86-64" } else { "i386" };
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n\
         <architecture>{architecture}</architecture>\n"
    );
    let mut open = "";
    for register in Register::all(wide) {
        let own = feature(register);
        if own != open {
            if !open.is_empty() {
                xml.push_str("</feature>\n");
            }
            let _ = writeln!(xml, "<feature name=\"{own}\">");
            match own {
                "org.gnu.gdb.i386.core" => flags(&mut xml, "i386_eflags", EFLAGS),
                "org.gnu.gdb.i386.sse" => {
                    for (id, element, count) in VECTORS {
                        let _ = writeln!(xml, "<vector id=\"{id}\" type=\"{element}\" count=\"{count}\"/>");
                    }
                    xml.push_str("<union id=\"vec128\">\n");
                    for (id, ..) in VECTORS {
                        let _ = writeln!(xml, "<field name=\"{id}\" type=\"{id}\"/>");
                    }
                    xml.push_str("<field name=\"uint128\" type=\"uint128\"/>\n</union>\n");
                    flags(&mut xml, "i386_mxcsr", MXCSR);
                }
                _ => {}
            }
            open = own;
        }
        let group = match register {
            Register::Fpu(_) => " group=\"float\"",
            Register::Mxcsr => " group=\"vector\"",
            _ => "",
        };
        let _ = writeln!(
            xml,
            "<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"{group}/>",
            register.name(wide),
            register.size(wide) * 8,
            kind(register, wide)
        );
    }
    xml.push_str("</feature>\n</target>\n");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let wide = xml(true);
        assert!(wide.contains("<reg name=\"r15\" bitsize=\"64\" type=\"int64\"/>"));
        assert!(wide.contains("<reg name=\"cr3\" bitsize=\"64\" type=\"uint64\"/>"));
        let narrow = xml(false);
        assert!(narrow.contains("<architecture>i386</architecture>") && !narrow.contains("r15"));
        assert!(narrow.contains("<reg name=\"eip\" bitsize=\"32\" type=\"code_ptr\"/>"));
        for text in [wide, narrow] {
            assert_eq!(text.matches("<feature ").count(), 4);
            assert_eq!(text.matches("</feature>").count(), 4);
        }
    }
}
