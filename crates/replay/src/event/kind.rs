//! Kinds of events: names for people, and a table for counting.

use super::Event;

macro_rules! kinds {
    ($($kind:ident $name:literal $queued:literal $pattern:pat,)*) => {
        /// What sort of event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs)] // each is documented at its event
        pub enum Kind { $($kind),* }

        impl Kind {
            /// All of them, in the order of the format.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name that the tools print.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// Whether it always comes through the queue.
            pub fn is_queued(self) -> bool {
                match self { $(Self::$kind => $queued),* }
            }
        }

        impl Event {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self { $($pattern => Kind::$kind),* }
            }
        }
    };
}

#[rustfmt::skip]
kinds! {
    CharInput         "char-input"          true   Event::CharInput { .. },
    CharEvent         "char-event"          true   Event::CharEvent { .. },
    Input             "input"               true   Event::Input(_),
    InputSync         "input-sync"          true   Event::InputSync,
    Net               "net"                 true   Event::Net { .. },
    Block             "block"               true   Event::Block { .. },
    BottomHalf        "bottom-half"         true   Event::BottomHalf { .. },
    Control           "control"             true   Event::Control(_),
    Clock             "clock"               false  Event::Clock { .. },
    CharWrite         "char-write"          false  Event::CharWrite { .. },
    CharReadAll       "char-read-all"       false  Event::CharReadAll { .. },
    CharReadAllError  "char-read-all-error" false  Event::CharReadAllError { .. },
    AudioOut          "audio-out"           false  Event::AudioOut { .. },
    AudioIn           "audio-in"            false  Event::AudioIn { .. },
    Random            "random"              false  Event::Random { .. },
    Shutdown          "shutdown"            false  Event::Shutdown { .. },
    Checkpoint        "checkpoint"          false  Event::Checkpoint(_),
    Interrupt         "interrupt"           false  Event::Interrupt { .. },
    Exception         "exception"           false  Event::Exception { .. },
    Digest            "digest"              false  Event::Digest { .. },
    Snapshot          "snapshot"            false  Event::Snapshot { .. },
    Stopped           "stopped"             false  Event::Stopped { .. },
    End               "end"                 false  Event::End { .. },
    Trail             "trail"               false  Event::Trail { .. },
}
