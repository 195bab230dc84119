//! Which instruction sets the host has, so that tests skip what it lacks, and say so.

macro_rules! features {
    ($($field:ident = $name:tt,)*) => {
        /// Host instruction sets that user-mode tests depend on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Features {
            $(
                #[doc = concat!("CPUID announces ", $name, ".")]
                pub $field: bool,
            )*
        }

        /// Asks the host CPU (and, for AVX state, its operating system).
        #[must_use]
        pub fn features() -> Features {
            Features { $($field: std::is_x86_feature_detected!($name),)* }
        }

        impl Features {
            /// Looks a feature up by its usual lower-case name (`"sse4.2"`, `"avx2"`).
            #[must_use]
            pub fn by_name(&self, name: &str) -> Option<bool> {
                match name {
                    $($name => Some(self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

features! {
    sse = "sse",
    sse2 = "sse2",
    sse3 = "sse3",
    ssse3 = "ssse3",
    sse4_1 = "sse4.1",
    sse4_2 = "sse4.2",
    sse4a = "sse4a",
    aes = "aes",
    pclmulqdq = "pclmulqdq",
    sha = "sha",
    avx = "avx",
    avx2 = "avx2",
    fma = "fma",
    f16c = "f16c",
    bmi1 = "bmi1",
    bmi2 = "bmi2",
    lzcnt = "lzcnt",
    popcnt = "popcnt",
    movbe = "movbe",
    adx = "adx",
    cmpxchg16b = "cmpxchg16b",
    rdrand = "rdrand",
    rdseed = "rdseed",
    xsave = "xsave",
    xsaveopt = "xsaveopt",
    xsavec = "xsavec",
    fxsr = "fxsr",
}
