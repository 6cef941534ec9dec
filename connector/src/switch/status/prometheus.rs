use std::fmt::{self, Write as _};

use super::data::{Flow, Phase, Status};

/// How much of a status is told as metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Sums over networks.
    #[default]
    Networks,
    /// Each router, too: with thousands of them many series.
    Routers,
}

/// Text for Prometheus, [version 0.0.4](https://prometheus.io/docs/instrumenting/exposition_formats/).
struct Page(String);

/// What a metric is.
enum Kind {
    Counter,
    Gauge,
}

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    /// A metric and all its series.
    fn metric<'a, V: fmt::Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, V)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in series {
            self.0.push_str(name);
            for (index, (label, text)) in labels.iter().enumerate() {
                let before = if index == 0 { '{' } else { ',' };
                let _ = write!(self.0, "{before}{label}=\"{}\"", Escaped(text));
            }
            let end = if labels.is_empty() { "" } else { "}" };
            let _ = writeln!(self.0, "{end} {value}");
        }
    }

    fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl fmt::Display) {
        self.metric(name, kind, help, [(&[][..], value)]);
    }
}

/// The text of a label.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                letter => formatter.write_char(letter)?,
            }
        }
        Ok(())
    }
}

impl Status {
    /// The same as metrics, in the text that Prometheus reads.
    pub fn prometheus(&self, detail: Detail) -> String {
        let mut page = Page(String::new());
        self.of_all(&mut page);
        self.of_networks(&mut page);
        if detail == Detail::Routers {
            self.of_routers(&mut page);
        }
        page.0
    }

    fn of_all(&self, page: &mut Page) {
        use Kind::{Counter, Gauge};
        page.metric(
            "edri_switch_info",
            Gauge,
            "The version of the switch.",
            [(&[("version", self.version.as_str())][..], 1)],
        );
        page.one(
            "edri_switch_uptime_seconds",
            Gauge,
            "How long the switch has been running.",
            self.uptime_seconds,
        );
        let draining = u8::from(self.phase == Phase::Draining);
        page.one("edri_switch_draining", Gauge, "1 when the switch was told to stop.", draining);
        page.one("edri_switch_connections", Gauge, "Open connections.", self.counts.open);
        page.one(
            "edri_switch_connections_limit",
            Gauge,
            "How many connections there may be.",
            self.counts.limit,
        );
        page.one("edri_switch_handshakes", Gauge, "Connections in their handshake.", self.counts.pending);
        page.one("edri_switch_queued_bytes", Gauge, "Bytes that wait for routers.", self.queue.bytes);
        page.one(
            "edri_switch_queued_bytes_limit",
            Gauge,
            "How many bytes may wait for routers.",
            self.queue.limit,
        );
        page.one("edri_switch_joined_total", Counter, "Routers that have joined.", self.ended.joined);
        page.one("edri_switch_probed_total", Counter, "Connections that only pinged.", self.ended.probed);
        let ended = &self.ended;
        let ends = [
            ("closed", ended.closed),
            ("lost", ended.lost),
            ("silent", ended.silent),
            ("stalled", ended.stalled),
            ("too-far-behind", ended.too_far_behind),
            ("replaced", ended.replaced),
            ("refused", ended.refused),
            ("violation", ended.violations),
            ("handshake", ended.unfinished_handshakes),
            ("turned-away", ended.turned_away),
            ("gave-way", ended.gave_way),
        ];
        let ends = ends.map(|(how, count)| ([("how", how)], count));
        page.metric(
            "edri_switch_ended_total",
            Counter,
            "Connections that have ended, by how.",
            ends.iter().map(|(labels, count)| (&labels[..], count)),
        );
    }

    fn of_networks(&self, page: &mut Page) {
        use Kind::{Counter, Gauge};
        let labels: Vec<_> =
            self.networks.iter().map(|network| [("network", network.name.as_str())]).collect();
        let mut each = |name: &str, kind, help: &str, value: &dyn Fn(usize) -> f64| {
            page.metric(
                name,
                kind,
                help,
                labels.iter().enumerate().map(|(index, labels)| (&labels[..], value(index))),
            );
        };
        let networks = &self.networks;
        each("edri_switch_network_members", Gauge, "Routers in the network.", &|at| {
            networks[at].members as f64
        });
        each("edri_switch_network_interests", Gauge, "Interests of its routers.", &|at| {
            networks[at].interests as f64
        });
        each("edri_switch_network_types", Gauge, "Types of event they are in.", &|at| {
            networks[at].types as f64
        });
        each("edri_switch_network_news_bytes", Gauge, "News kept until all have read them.", &|at| {
            networks[at].news_bytes as f64
        });
        each("edri_switch_network_queued_bytes", Gauge, "Bytes that wait for its routers.", &|at| {
            networks[at].queue.bytes as f64
        });
        let deepest = |at: usize| {
            let of = self.connections.iter().filter(|connection| connection.network == networks[at].name);
            of.map(|connection| connection.queue.bytes).max().unwrap_or_default() as f64
        };
        each(
            "edri_switch_network_deepest_queue_bytes",
            Gauge,
            "Bytes that wait for one router at most.",
            &deepest,
        );
        each("edri_switch_network_received_relays_total", Counter, "Relays from its routers.", &|at| {
            networks[at].received.relays as f64
        });
        each("edri_switch_network_received_bytes_total", Counter, "Bytes of them.", &|at| {
            networks[at].received.bytes as f64
        });
        each("edri_switch_network_sent_relays_total", Counter, "Relays queued for its routers.", &|at| {
            networks[at].sent.relays as f64
        });
        each("edri_switch_network_sent_bytes_total", Counter, "Bytes of them.", &|at| {
            networks[at].sent.bytes as f64
        });
        each(
            "edri_switch_network_dropped_relays_total",
            Counter,
            "Relays dropped for want of room.",
            &|at| networks[at].dropped.relays as f64,
        );
        each("edri_switch_network_dropped_bytes_total", Counter, "Bytes of them.", &|at| {
            networks[at].dropped.bytes as f64
        });
        each("edri_switch_network_astray_relays_total", Counter, "Relays for nobody.", &|at| {
            networks[at].astray as f64
        });
        each("edri_switch_network_denied_interests_total", Counter, "Interests not passed on.", &|at| {
            networks[at].denied as f64
        });
        each("edri_switch_network_resent_frames_total", Counter, "Frames that routers sent again.", &|at| {
            networks[at].resent as f64
        });
        let quantiles = ["0.5", "0.99", "1"];
        let times: Vec<_> = networks
            .iter()
            .filter_map(|network| Some((network, network.round_trip_ms?)))
            .flat_map(|(network, times)| {
                quantiles.into_iter().zip(times).map(|(quantile, time)| {
                    ([("network", network.name.as_str()), ("quantile", quantile)], time / 1e3)
                })
            })
            .collect();
        page.metric(
            "edri_switch_network_round_trip_seconds",
            Gauge,
            "The latest round-trip times of its routers.",
            times.iter().map(|(labels, time)| (&labels[..], time)),
        );
    }

    fn of_routers(&self, page: &mut Page) {
        use Kind::{Counter, Gauge};
        let connections = &self.connections;
        let labels: Vec<_> = connections
            .iter()
            .map(|connection| {
                [
                    ("network", connection.network.as_str()),
                    ("router", connection.name.as_str()),
                    ("id", connection.id.as_str()),
                ]
            })
            .collect();
        let mut each = |name: &str, kind, help: &str, value: &dyn Fn(usize) -> Option<f64>| {
            let known =
                labels.iter().enumerate().filter_map(|(index, labels)| Some((&labels[..], value(index)?)));
            page.metric(name, kind, help, known);
        };
        each("edri_switch_router_interests", Gauge, "Interests of the router.", &|at| {
            Some(connections[at].interests as f64)
        });
        each("edri_switch_router_queued_bytes", Gauge, "Bytes that wait for it.", &|at| {
            Some(connections[at].queue.bytes as f64)
        });
        each("edri_switch_router_round_trip_seconds", Gauge, "Its latest round-trip time.", &|at| {
            connections[at].round_trip_ms.map(|time| time / 1e3)
        });
        let mut flow = |of: &str, help: &str, flow: &dyn Fn(usize) -> Flow| {
            let bytes = format!("edri_switch_router_{of}_bytes_total");
            each(&bytes, Counter, help, &|at| Some(flow(at).bytes as f64));
            let relays = format!("edri_switch_router_{of}_relays_total");
            each(&relays, Counter, help, &|at| Some(flow(at).relays as f64));
        };
        flow("received", "What came from it.", &|at| connections[at].received);
        flow("sent", "What was queued for it.", &|at| connections[at].sent);
        each("edri_switch_router_dropped_relays_total", Counter, "Relays for it that were dropped.", &|at| {
            Some(connections[at].dropped.relays as f64)
        });
        each("edri_switch_router_resent_frames_total", Counter, "Frames that it sent again.", &|at| {
            Some(connections[at].resent as f64)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), r#"a\"b\\c\nd"#);
        let mut page = Page(String::new());
        page.metric("x", Kind::Gauge, "Help.", [(&[("a", "\""), ("b", "ä")][..], 1.5)]);
        assert_eq!(page.0, "# HELP x Help.\n# TYPE x gauge\nx{a=\"\\\"\",b=\"ä\"} 1.5\n");
    }
}
