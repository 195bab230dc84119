//! How many processors there are and how they are grouped: `-smp`, and what each processor tells of itself.
//!
//! APIC ids are made of one bit field a level, each as wide as the level needs (SDM vol. 3A, 10.9.1), so they have gaps
//! where a level is no power of two.

use super::leaves::Topology;

/// Most processors: MADT, MP table and 8-bit APIC ids have room for them in every grouping.
pub const MAX_CPUS: u32 = 64;

/// The processors of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many there are; the last places of the grouping may be empty.
    pub cpus: u32,
    /// Packages.
    pub sockets: u32,
    /// Dies of a package.
    pub dies: u32,
    /// Cores of a die.
    pub cores: u32,
    /// Threads of a core.
    pub threads: u32,
}

/// What somebody asked for; what is missing follows from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Processors.
    pub cpus: Option<u32>,
    /// Places for processors.
    pub maxcpus: Option<u32>,
    /// Packages.
    pub sockets: Option<u32>,
    /// Dies of a package.
    pub dies: Option<u32>,
    /// Cores of a die.
    pub cores: Option<u32>,
    /// Threads of a core.
    pub threads: Option<u32>,
}

/// Not a grouping of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLayout {
    /// Nothing of nothing.
    #[error("CPU topology parameters must be greater than zero")]
    Zero,
    /// The levels do not multiply to the number of places.
    #[error(
        "product of the hierarchy must match maxcpus: sockets ({}) * dies ({}) * cores ({}) * threads ({}) \
         != maxcpus ({maxcpus})",
        .layout.sockets, .layout.dies, .layout.cores, .layout.threads
    )]
    Product {
        /// The levels.
        layout: Layout,
        /// The places.
        maxcpus: u32,
    },
    /// More processors than places.
    #[error("maxcpus must be equal to or greater than smp: maxcpus ({maxcpus}) < smp_cpus ({cpus})")]
    TooFewPlaces {
        /// Processors.
        cpus: u32,
        /// Places.
        maxcpus: u32,
    },
    /// More than there can be.
    #[error("the pc machine has at most {MAX_CPUS} CPUs")]
    TooMany,
}

impl Default for Layout {
    /// One.
    fn default() -> Self {
        Self {
            cpus: 1,
            sockets: 1,
            dies: 1,
            cores: 1,
            threads: 1,
        }
    }
}

impl Wanted {
    /// The grouping: what is missing goes into cores, then sockets, then threads, as in QEMU since 6.2.
    ///
    /// # Errors
    /// There is none.
    pub fn layout(self) -> Result<Layout, BadLayout> {
        let all = [
            self.cpus,
            self.maxcpus,
            self.sockets,
            self.dies,
            self.cores,
            self.threads,
        ];
        if all.contains(&Some(0)) {
            return Err(BadLayout::Zero);
        }
        if all.iter().flatten().any(|&n| n > MAX_CPUS) {
            return Err(BadLayout::TooMany);
        }
        let dies = self.dies.unwrap_or(1);
        let places = self.maxcpus.or(self.cpus);
        let share = |of: u32| places.map_or(1, |places| places / of);
        let (sockets, cores, threads) = match (self.sockets, self.cores, self.threads) {
            (sockets, None, threads) => {
                let (sockets, threads) = (sockets.unwrap_or(1), threads.unwrap_or(1));
                (sockets, share(sockets * dies * threads), threads)
            }
            (None, Some(cores), threads) => {
                let threads = threads.unwrap_or(1);
                (share(dies * cores * threads), cores, threads)
            }
            (Some(sockets), Some(cores), threads) => (
                sockets,
                cores,
                threads.unwrap_or_else(|| share(sockets * dies * cores)),
            ),
        };
        let product = u64::from(sockets) * u64::from(dies) * u64::from(cores) * u64::from(threads);
        let maxcpus = places.map_or(product, u64::from);
        let cpus = self.cpus.map_or(maxcpus, u64::from);
        if maxcpus > u64::from(MAX_CPUS) || cpus > u64::from(MAX_CPUS) {
            return Err(BadLayout::TooMany);
        }
        let (maxcpus, cpus) = (maxcpus as u32, cpus as u32);
        let layout = Layout {
            cpus,
            sockets,
            dies,
            cores,
            threads,
        };
        if product != u64::from(maxcpus) {
            return Err(BadLayout::Product { layout, maxcpus });
        }
        if cpus > maxcpus {
            return Err(BadLayout::TooFewPlaces { cpus, maxcpus });
        }
        // FFh is everybody's address.
        if layout.topology(maxcpus - 1).apic_id >= 255 {
            return Err(BadLayout::TooMany);
        }
        Ok(layout)
    }
}

impl Layout {
    /// Where processor `n` stands.
    pub fn topology(&self, n: u32) -> Topology {
        let mut topology = Topology {
            apic_id: 0,
            threads: self.threads,
            cores: self.cores,
            dies: self.dies,
        };
        let thread = n % self.threads;
        let core = n / self.threads % self.cores;
        let die = n / (self.threads * self.cores) % self.dies;
        let socket = n / (self.threads * self.cores * self.dies);
        let [threads, cores, package] = [
            topology.thread_bits(),
            topology.thread_bits() + topology.core_bits(),
            topology.package_bits(),
        ];
        topology.apic_id = thread | core << threads | die << cores | socket << package;
        topology
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        let mut wanted = Wanted::default();
        for pair in text.split(',') {
            let (key, value) = pair.split_once('=').unwrap_or(("cpus", pair));
            let value = Some(value.parse().expect("a number"));
            *match key {
                "cpus" => &mut wanted.cpus,
                "maxcpus" => &mut wanted.maxcpus,
                "sockets" => &mut wanted.sockets,
                "dies" => &mut wanted.dies,
                "cores" => &mut wanted.cores,
                _ => &mut wanted.threads,
            } = value;
        }
        wanted
    }

    #[test]
    #[rustfmt::skip]
    fn groupings() {
        for (text, expected) in [
            ("1", "1 1 1 1 1"), ("4", "4 1 1 4 1"), ("64", "64 1 1 64 1"), ("4,sockets=2", "4 2 1 2 1"),
            ("8,cores=2", "8 4 1 2 1"), ("8,threads=2", "8 1 1 4 2"), ("8,sockets=2,cores=2", "8 2 1 2 2"),
            ("8,dies=2", "8 1 2 4 1"), ("2,maxcpus=6", "2 1 1 6 1"), ("sockets=2,cores=2,threads=2", "8 2 1 2 2"),
            ("cores=3", "3 1 1 3 1"), ("3,sockets=3,threads=1", "3 3 1 1 1"),
            ("3,cores=2", "product of the hierarchy must match maxcpus: sockets (1) * dies (1) * cores (2) * threads (1) != maxcpus (3)"),
            ("0", "CPU topology parameters must be greater than zero"), ("2,dies=0", "CPU topology parameters must be greater than zero"),
            ("4,maxcpus=2", "maxcpus must be equal to or greater than smp: maxcpus (2) < smp_cpus (4)"),
            ("65", "the pc machine has at most 64 CPUs"), ("sockets=64,cores=64,threads=64", "the pc machine has at most 64 CPUs"),
        ] {
            let got = match wanted(text).layout() {
                Ok(l) => format!("{} {} {} {} {}", l.cpus, l.sockets, l.dies, l.cores, l.threads),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "-smp {text}");
        }
    }

    #[test]
    fn apic_ids() {
        for (text, expected) in [
            ("4", &[0, 1, 2, 3][..]),
            ("6,sockets=2,cores=3", &[0, 1, 2, 4, 5, 6]),
            ("6,cores=2,threads=3", &[0, 1, 2, 4, 5, 6]),
            ("6,dies=3,cores=1,threads=2,sockets=1", &[0, 1, 2, 3, 4, 5]),
        ] {
            let layout = wanted(text).layout().expect("a layout");
            let ids: Vec<_> = (0..layout.cpus).map(|n| layout.topology(n).apic_id).collect();
            assert_eq!(ids, expected, "-smp {text}");
        }
    }
}
