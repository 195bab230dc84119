//! VIRTIO 1.2, 5.3: numbers of the console device.

/// Feature bits (5.3.3), as masks.
pub mod feature {
    /// Columns and rows in the configuration.
    pub const SIZE: u64 = 1 << 0;
    /// Several ports, and control queues.
    pub const MULTIPORT: u64 = 1 << 1;
    /// Characters can be written by the configuration.
    pub const EMERG_WRITE: u64 = 1 << 2;
}

/// Events of control messages (5.3.6.2).
pub mod event {
    /// From the driver: it is ready for control messages.
    pub const DEVICE_READY: u16 = 0;
    /// There is a port.
    pub const DEVICE_ADD: u16 = 1;
    /// From the driver: it is ready to use a port.
    pub const PORT_READY: u16 = 3;
    /// A port is a console.
    pub const CONSOLE_PORT: u16 = 4;
    /// A port is opened or closed, by either side.
    pub const PORT_OPEN: u16 = 6;
    /// A port's name follows.
    pub const PORT_NAME: u16 = 7;
}

/// Queue of control messages to the driver.
pub const CONTROL_RX: usize = 2;
/// And from it.
pub const CONTROL_TX: usize = 3;
/// Entries of each queue.
pub const QUEUE: u16 = 128;
/// Bytes of a control message: port, event, value.
pub const MESSAGE: usize = 8;
/// Most ports: the numbers of queues in an access are limited, by QEMU to these.
pub const MAX_PORTS: u32 = 31;
/// Bytes of the configuration: columns, rows, ports, emergency write.
pub const CONFIG: usize = 12;
/// Offset of the emergency write.
pub const CONFIG_EMERGENCY: u64 = 8;
/// Most control messages that wait for buffers; what is more is lost.
pub const MAX_MESSAGES: usize = 256;
/// Most bytes of one chain that are sent on.
pub const MAX_CHAIN: u64 = 1 << 20;
/// Most bytes of one piece of it.
pub const PIECE: usize = 4096;
/// Most bytes of a port's name.
pub const MAX_NAME: usize = 255;

/// The queues of a port (5.3.2): to the driver, and from it.
pub fn queues_of(port: u32) -> (usize, usize) {
    let first = if port == 0 { 0 } else { 2 * port as usize + 2 };
    (first, first + 1)
}

/// The port of a queue, and whether the queue is the one from the driver.
pub fn port_of(queue: usize) -> Option<(u32, bool)> {
    match queue {
        0 | 1 => Some((0, queue == 1)),
        CONTROL_RX | CONTROL_TX => None,
        _ => Some((queue as u32 / 2 - 1, queue % 2 == 1)),
    }
}
