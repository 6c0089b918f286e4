//! A relay between agents and controllers that come and go.

use super::*;

fn asked(path: &str) -> Asked {
    Asked {
        change: false,
        path: path.into(),
        body: Vec::new(),
    }
}

fn answer(code: u16) -> Answer {
    Answer {
        code,
        body: Vec::new(),
    }
}

/// The number and path of the next question.
async fn question(receive: &mut mpsc::Receiver<ToController>) -> (u64, String) {
    match receive.recv().await {
        Some(ToController::Ask { number, asked }) => (number, asked.path),
        other => panic!("no question: {other:?}"),
    }
}

#[tokio::test]
async fn questions_get_their_own_answers() {
    let relay = Relay::default();
    let (send, mut receive) = mpsc::channel(8);
    let _way = relay.opened(ConnectionId(1), send);
    let controller = async {
        let mut first = question(&mut receive).await;
        let mut second = question(&mut receive).await;
        if first.1 == "/b" {
            std::mem::swap(&mut first, &mut second);
        }
        relay.answered(second.0, answer(202));
        relay.answered(first.0, answer(201));
    };
    let (a, b, ()) = tokio::join!(relay.ask(asked("/a")), relay.ask(asked("/b")), controller);
    assert_eq!((a.code, b.code), (201, 202));
    assert!(relay.waiting().is_empty());
}

#[tokio::test]
async fn another_controller_is_asked_when_one_is_lost_or_cannot_answer() {
    let relay = Relay::default();
    let (send, mut lost) = mpsc::channel(8);
    let way = relay.opened(ConnectionId(1), send);
    let (send, mut minority) = mpsc::channel(8);
    let _minority = relay.opened(ConnectionId(2), send);
    let (send, mut majority) = mpsc::channel(8);
    let _majority = relay.opened(ConnectionId(3), send);
    let controllers = async {
        question(&mut lost).await;
        drop(way);
        let (number, _) = question(&mut minority).await;
        relay.answered(number, answer(NOT_NOW));
        let (number, _) = question(&mut majority).await;
        relay.answered(number, answer(200));
    };
    let (told, ()) = tokio::join!(relay.ask(asked("/a")), controllers);
    assert_eq!(told.code, 200);
    assert!(relay.waiting().is_empty());
}

#[tokio::test]
async fn without_a_controller_an_agent_does_not_wait_for_ever() {
    let relay = Relay::default();
    let told = relay
        .ask_within(Duration::from_millis(20), asked("/a"))
        .await;
    assert_eq!(told.code, NOT_NOW);
}
