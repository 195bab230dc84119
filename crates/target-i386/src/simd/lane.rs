//! The 128-bit lane as elements: splitting, mapping, joining.
//!
//! A lane is a `u128` whose element 0 is in the low bits, as in the SDM's pictures. AVX2 treats a YMM register
//! as two lanes that do not mix, MMX is the low half of one; so a function on lanes serves all widths.

/// 128 bits of a vector register.
pub type Lane = u128;

/// An integer element type, `N` of which fill a lane.
pub trait Element<const N: usize>: Copy + Default {
    /// The elements of a lane, lowest first.
    fn split(lane: Lane) -> [Self; N];
    /// The lane of these elements.
    fn join(elements: [Self; N]) -> Lane;
}

macro_rules! element {
    ($($type:ty as $unsigned:ty, $n:literal;)*) => {$(
        impl Element<$n> for $type {
            #[inline(always)]
            fn split(lane: Lane) -> [Self; $n] {
                std::array::from_fn(|i| (lane >> (i as u32 * <$type>::BITS)) as $type)
            }
            #[inline(always)]
            fn join(elements: [Self; $n]) -> Lane {
                let mut lane = 0;
                for (i, element) in elements.into_iter().enumerate() {
                    lane |= Lane::from(element as $unsigned) << (i as u32 * <$type>::BITS);
                }
                lane
            }
        }
    )*};
}

element! {
    u8 as u8, 16;
    i8 as u8, 16;
    u16 as u16, 8;
    i16 as u16, 8;
    u32 as u32, 4;
    i32 as u32, 4;
    u64 as u64, 2;
    i64 as u64, 2;
}

/// Applies `f` to each element.
#[inline(always)]
pub fn map<const N: usize, T: Element<N>>(a: Lane, f: impl Fn(T) -> T) -> Lane {
    T::join(T::split(a).map(f))
}

/// Applies `f` to each pair of elements at the same place.
#[inline(always)]
pub fn zip<const N: usize, T: Element<N>>(a: Lane, b: Lane, f: impl Fn(T, T) -> T) -> Lane {
    let (a, b) = (T::split(a), T::split(b));
    T::join(std::array::from_fn(|i| f(a[i], b[i])))
}

/// All ones or all zeros in each element of type `T`, as `f` says.
#[inline(always)]
pub fn mask<const N: usize, T: Element<N> + From<bool> + std::ops::Neg<Output = T>>(
    a: Lane,
    b: Lane,
    f: impl Fn(T, T) -> bool,
) -> Lane {
    zip(a, b, |x: T, y: T| -T::from(f(x, y)))
}

/// One lane made of the results of `f` for each element number.
#[inline(always)]
pub fn build<const N: usize, T: Element<N>>(f: impl FnMut(usize) -> T) -> Lane {
    T::join(std::array::from_fn(f))
}

/// The low 64 bits of `a` below those of `b`.
#[inline(always)]
pub fn halves(low: u64, high: u64) -> Lane {
    Lane::from(low) | Lane::from(high) << 64
}

/// The two lanes of a YMM register.
#[inline(always)]
pub fn lanes(ymm: [u64; 4]) -> [Lane; 2] {
    [halves(ymm[0], ymm[1]), halves(ymm[2], ymm[3])]
}

/// A YMM register from its lanes.
#[inline(always)]
pub fn quads(lanes: [Lane; 2]) -> [u64; 4] {
    [
        lanes[0] as u64,
        (lanes[0] >> 64) as u64,
        lanes[1] as u64,
        (lanes[1] >> 64) as u64,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_and_join_are_inverse() {
        let lane: Lane = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
        assert_eq!(<u8 as Element<16>>::split(lane)[0], 0x10);
        assert_eq!(<i8 as Element<16>>::split(lane)[8], 0xefu8 as i8);
        assert_eq!(i8::join(i8::split(lane)), lane);
        assert_eq!(i16::join(i16::split(lane)), lane);
        assert_eq!(i32::join(i32::split(lane)), lane);
        assert_eq!(u64::join(u64::split(lane)), lane);
        assert_eq!(quads(lanes([1, 2, 3, 4])), [1, 2, 3, 4]);
        assert_eq!(mask(lane, lane, |a: i32, b: i32| a == b), Lane::MAX);
    }
}
