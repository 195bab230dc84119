//! The DSDT: PCI root bridge with windows and interrupt links, ISA devices, S5, processors.
//!
//! ACPI 6.5, chapters 6 (device configuration) and 19 (AML); device ids as in QEMU's `acpi-build.c`. Interrupts
//! go through the PIIX3's PIRQ registers in APIC mode too, as on QEMU's pc: GSI number = ISA interrupt number.

use super::TableConfig;
use crate::board_spec::*;
use crate::ram_layout::PCI_HOLE_END;
use acpi_tables::aml::*;
use acpi_tables::{Aml, AmlSink};

/// ACPI encodes interrupt 9 as the one that LNKS, the SCI's link, is stuck to.
const LINKS: [&str; 4] = ["LNKA", "LNKB", "LNKC", "LNKD"];
const FIELDS: [&str; 4] = ["PRQ0", "PRQ1", "PRQ2", "PRQ3"];
/// Interrupts a link may be routed to.
const LINK_CHOICES: [u32; 3] = [5, 10, 11];

/// Extended interrupt descriptor with several numbers: level, active high, shared.
struct Interrupts<'a>(&'a [u32]);

impl Aml for Interrupts<'_> {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        sink.byte(0x89);
        sink.word(2 + 4 * self.0.len() as u16);
        sink.byte(0b1001);
        sink.byte(self.0.len() as u8);
        for number in self.0 {
            sink.dword(*number);
        }
    }
}

/// IRQ descriptor without flags: edge, active high, exclusive.
struct Irq(u8);

impl Aml for Irq {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        sink.byte(0x22);
        sink.word(1 << self.0);
    }
}

/// AML that was encoded before.
struct Encoded(Vec<u8>);

impl Aml for Encoded {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        sink.vec(&self.0);
    }
}

/// The term list of the DSDT.
pub(super) fn build(config: &TableConfig) -> Vec<u8> {
    let mut aml = Vec::new();
    root_bridge(config).to_aml_bytes(&mut aml);
    pirq_fields().to_aml_bytes(&mut aml);
    links().to_aml_bytes(&mut aml);
    if config.hpet {
        hpet().to_aml_bytes(&mut aml);
    }
    firmware_configuration().to_aml_bytes(&mut aml);
    processors(config.apic_ids.len() as u8).to_aml_bytes(&mut aml);
    // Sleep type 0 is soft-off; S3 and S4 are not announced.
    let s5 = Package::new(vec![&ZERO, &ZERO, &ZERO, &ZERO]);
    Name::new("_S5_".into(), &s5).to_aml_bytes(&mut aml);
    aml
}

fn encoded(aml: &dyn Aml) -> Encoded {
    let mut bytes = Vec::new();
    aml.to_aml_bytes(&mut bytes);
    Encoded(bytes)
}

fn root_bridge(config: &TableConfig) -> Encoded {
    use AddressSpaceCacheable::*;
    let windows = ResourceTemplate::new(vec![
        &AddressSpace::new_bus_number(0u16, 0xff),
        &IO::new(0xcf8, 0xcf8, 1, 8),
        &AddressSpace::new_io(0u16, 0xcf7, None),
        &AddressSpace::new_io(0xd00u16, 0xffff, None),
        &AddressSpace::new_memory(Cacheable, true, 0xa_0000u32, 0xb_ffff, None),
        &AddressSpace::new_memory(
            NotCacheable,
            true,
            config.ram.pci_hole_start() as u32,
            (PCI_HOLE_END - 1) as u32,
            None,
        ),
    ])
    .into_encoded();
    let mut routes = PackageBuilder::new();
    for slot in 0..32u8 {
        for pin in 0..4u8 {
            // Pin A of slot 1 is the power-management function's.
            let link = if slot == 1 && pin == 0 {
                "LNKS"
            } else {
                LINKS[pirq(slot, pin) as usize]
            };
            let address = (slot as u32) << 16 | 0xffff;
            let link = Path::new(link);
            routes.add_element(&Package::new(vec![&address, &pin, &link, &ZERO]));
        }
    }
    encoded(&Scope::new(
        "_SB_".into(),
        vec![&Device::new(
            "PCI0".into(),
            vec![
                &Name::new("_HID".into(), &EISAName::new("PNP0A03")),
                &Name::new("_ADR".into(), &ZERO),
                &Name::new("_UID".into(), &ZERO),
                &Name::new("_CRS".into(), &windows),
                &Name::new("_PRT".into(), &routes),
                &isa_bridge(config),
            ],
        )],
    ))
}

trait IntoEncoded {
    fn into_encoded(self) -> Encoded;
}

impl<T: Aml> IntoEncoded for T {
    fn into_encoded(self) -> Encoded {
        encoded(&self)
    }
}

/// A device with a plug-and-play id, a unique id and resources.
fn device(name: &str, hid: &str, uid: u8, resources: Vec<&dyn Aml>) -> Encoded {
    let resources = ResourceTemplate::new(resources);
    encoded(&Device::new(
        name.into(),
        vec![
            &Name::new("_HID".into(), &EISAName::new(hid)),
            &Name::new("_UID".into(), &uid),
            &Name::new("_STA".into(), &0x0fu8),
            &Name::new("_CRS".into(), &resources),
        ],
    ))
}

fn isa_bridge(config: &TableConfig) -> Encoded {
    let keyboard = device(
        "KBD_",
        "PNP0303",
        0,
        vec![&IO::new(0x60, 0x60, 1, 1), &IO::new(0x64, 0x64, 1, 1), &Irq(1)],
    );
    let mouse = device("MOU_", "PNP0F13", 0, vec![&Irq(12)]);
    let rtc = device("RTC_", "PNP0B00", 0, vec![&IO::new(0x70, 0x70, 1, 8), &Irq(8)]);
    let registers = OpRegion::new("P40C".into(), OpRegionSpace::PCIConfig, &0x60u8, &4u8);
    let address = 0x1_0000u32;
    let adr = Name::new("_ADR".into(), &address);
    let mut children: Vec<&dyn Aml> = vec![&adr, &registers, &keyboard, &mouse, &rtc];
    let ports: Vec<Encoded> = (0..4u8)
        .filter(|&i| config.serials[i as usize])
        .map(|i| {
            let (base, irq) = COM_PORTS[i as usize];
            let name = ["COM1", "COM2", "COM3", "COM4"][i as usize];
            device(
                name,
                "PNP0501",
                i + 1,
                vec![&IO::new(base, base, 1, 8), &Irq(irq)],
            )
        })
        .collect();
    children.extend(ports.iter().map(|port| port as &dyn Aml));
    encoded(&Device::new("ISA_".into(), children))
}

/// The PIRQ registers as fields PRQ0..PRQ3 of `\_SB`.
fn pirq_fields() -> Encoded {
    let entries = FIELDS
        .iter()
        .map(|name| FieldEntry::Named(name.as_bytes().try_into().expect("four letters"), 8))
        .collect();
    let field = Field::new(
        "PCI0.ISA_.P40C".into(),
        FieldAccessType::Byte,
        FieldLockRule::NoLock,
        FieldUpdateRule::Preserve,
        entries,
    );
    encoded(&Scope::new("_SB_".into(), vec![&field]))
}

/// The interrupt links: LNKA..LNKD switch a PIRQ register, LNKS is the SCI.
fn links() -> Encoded {
    let mut devices: Vec<Encoded> = LINKS
        .iter()
        .zip(FIELDS)
        .zip(0u8..)
        .map(|((name, field), uid)| link(name, field, uid))
        .collect();
    let sci = ResourceTemplate::new(vec![&Interrupts(&[SCI_IRQ as u32])]).into_encoded();
    devices.push(encoded(&Device::new(
        "LNKS".into(),
        vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0C0F")),
            &Name::new("_UID".into(), &4u8),
            &Name::new("_PRS".into(), &sci),
            &Name::new("_CRS".into(), &sci),
            &Method::new("_STA".into(), 0, false, vec![&Return::new(&0x0bu8)]),
            &Method::new("_DIS".into(), 0, false, vec![]),
            &Method::new("_SRS".into(), 1, false, vec![]),
        ],
    )));
    encoded(&Scope::new(
        "_SB_".into(),
        devices.iter().map(|d| d as &dyn Aml).collect(),
    ))
}

/// Offset of the first interrupt number in an extended interrupt descriptor.
const NUMBER_OFFSET: u8 = 5;

fn link(name: &str, field: &str, uid: u8) -> Encoded {
    let register = Path::new(field);
    let choices = ResourceTemplate::new(vec![&Interrupts(&LINK_CHOICES)]).into_encoded();
    let none = ResourceTemplate::new(vec![&Interrupts(&[0])]).into_encoded();
    let (buffer, number) = (Path::new("PRR0"), Path::new("PRRI"));
    encoded(&Device::new(
        name.into(),
        vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0C0F")),
            &Name::new("_UID".into(), &uid),
            &Name::new("_PRS".into(), &choices),
            // Bit 7 of the register: routing is off.
            &Method::new(
                "_STA".into(),
                0,
                false,
                vec![
                    &And::new(&Local(0), &register, &0x80u8),
                    &If::new(&Local(0), vec![&Return::new(&0x09u8)]),
                    &Return::new(&0x0bu8),
                ],
            ),
            &Method::new(
                "_DIS".into(),
                0,
                false,
                vec![&Or::new(&register, &register, &0x80u8)],
            ),
            &Method::new(
                "_CRS".into(),
                0,
                true,
                vec![
                    &Name::new("PRR0".into(), &none),
                    &CreateDWordField::new(&number, &buffer, &NUMBER_OFFSET),
                    &And::new(&number, &register, &0x0fu8),
                    &Return::new(&buffer),
                ],
            ),
            &Method::new(
                "_SRS".into(),
                1,
                true,
                vec![
                    &CreateDWordField::new(&number, &Arg(0), &NUMBER_OFFSET),
                    &Store::new(&register, &number),
                ],
            ),
        ],
    ))
}

fn hpet() -> Encoded {
    let device = device(
        "HPET",
        "PNP0103",
        0,
        vec![&Memory32Fixed::new(false, HPET_BASE, 0x400)],
    );
    encoded(&Scope::new("_SB_".into(), vec![&device]))
}

/// The fw_cfg device, as `docs/specs/fw_cfg.rst` of QEMU wants it announced.
fn firmware_configuration() -> Encoded {
    const PORTS: u8 = 12;
    let port = crate::fw_cfg::spec::PORT as u16;
    let ports = IO::new(port, port, 1, PORTS);
    let resources = ResourceTemplate::new(vec![&ports]);
    encoded(&Scope::new(
        "_SB_.PCI0".into(),
        vec![&Device::new(
            "FWCF".into(),
            vec![
                &Name::new("_HID".into(), &"QEMU0002"),
                &Name::new("_STA".into(), &0x0bu8),
                &Name::new("_CRS".into(), &resources),
            ],
        )],
    ))
}

/// Processors as devices; `_UID` is the ACPI processor id of the MADT.
fn processors(count: u8) -> Encoded {
    let devices: Vec<Encoded> = (0..count)
        .map(|cpu| {
            encoded(&Device::new(
                format!("C{cpu:03X}").as_str().into(),
                vec![
                    &Name::new("_HID".into(), &"ACPI0007"),
                    &Name::new("_UID".into(), &cpu),
                ],
            ))
        })
        .collect();
    encoded(&Scope::new(
        "_SB_".into(),
        devices.iter().map(|d| d as &dyn Aml).collect(),
    ))
}
