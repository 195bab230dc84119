#![doc = include_str!("../README.md")]

mod error;
mod frame;
mod identity;
mod page;
mod page_map;
mod reader;
mod snapshot;
mod store;
mod writer;

pub use error::SnapshotError;
pub use identity::{Difference, Head, Identity, Summary};
pub use page::{PAGE_SIZE, Page, PageBytes, PageStore};
pub use page_map::PageMap;
pub use reader::{Entry, Item, Pages, SnapshotReader};
pub use snapshot::{BlockImage, Section, Snapshot};
pub use store::{Saved, Store};
pub use writer::SnapshotWriter;
