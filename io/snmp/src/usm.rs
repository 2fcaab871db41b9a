//! Who asks by version 3, and how the answer is signed and encrypted: the user-based security model (RFC 3414) in the order of its
//! section 3.2. Nothing but the level authPriv is answered.

use std::collections::HashMap;
use std::time::Instant;

use async_snmp::ber::Decoder;
use async_snmp::message::{MsgFlags, MsgGlobalData, RawMsgData, RawV3Message, ScopedPdu, SecurityLevel, V3Message};
use async_snmp::pdu::{Pdu, PduBody, StandardPduType};
use async_snmp::v3::auth::{authenticate_message, verify_message};
use async_snmp::v3::{LocalizedKey, SaltCounter, UsmSecurityParams};
use async_snmp::{DecodeConfig, MessageSize, Oid, Value, VarBind};
use ridethrough_door::Counted;

use crate::engine::Engine;
use crate::limits::DATAGRAM_MAX;
use crate::meters::{Dropped, Report};
use crate::secrets::{Keys, Secrets};

/// `usmStats`.
const USM_STATS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];
/// What stands around the PDU of an answer at the most: header, names, signature and their lengths.
const AROUND: usize = 256;

/// What is needed to answer by version 3.
pub struct Usm {
    engine: Engine,
    users: HashMap<Vec<u8>, Keys>,
    salts: SaltCounter,
    /// `usmStats`, by number.
    reported: [u32; Report::WORDS.len()],
}

/// What somebody who is known asks.
pub struct Asked {
    user: Vec<u8>,
    id: i32,
    /// What he takes at the most.
    size_max: usize,
    context: Vec<u8>,
    /// The request.
    pub pdu: Pdu,
}

impl Asked {
    /// The UPS that it is about.
    pub fn context(&self) -> &[u8] {
        &self.context
    }

    /// How many bytes an answer may have without its message.
    pub fn room(&self) -> usize {
        self.size_max.min(DATAGRAM_MAX).saturating_sub(AROUND)
    }
}

/// What a message is.
pub enum Read {
    /// Somebody who is known asks.
    Asked(Box<Asked>),
    /// It is not answered; whoever wants to hear why is told, in so many bytes.
    Reported(Report, Option<Vec<u8>>),
    /// It is not answered.
    Dropped(Dropped),
}

/// A message that is read as far as it can be without trusting it.
struct Outer<'a> {
    datagram: &'a [u8],
    raw: RawV3Message,
    params: UsmSecurityParams,
}

impl Usm {
    /// What these users need to ask this engine; none when the system has no randomness.
    pub fn new(engine: Engine, secrets: &Secrets) -> Option<Self> {
        let localized = secrets.localized(engine.id()).into_iter();
        let users = localized.map(|(name, keys)| (name.into_bytes(), keys)).collect();
        Some(Self { engine, users, salts: SaltCounter::new().ok()?, reported: [0; Report::WORDS.len()] })
    }

    /// Reads a message.
    pub fn read(&mut self, datagram: &[u8], now: Instant) -> Read {
        let Some(outer) = Outer::parse(datagram) else { return Read::Dropped(Dropped::Malformed) };
        match self.open(&outer, now) {
            Ok(asked) => asked,
            Err(report) => self.report(&outer, report, now),
        }
    }

    fn open(&self, outer: &Outer<'_>, now: Instant) -> Result<Read, Report> {
        let params = &outer.params;
        if params.engine_id()[..] != *self.engine.id() {
            return Err(Report::UnknownEngine);
        }
        let keys = self.users.get(&params.username()[..]).ok_or(Report::UnknownUser)?;
        if outer.raw.security_level() != SecurityLevel::AuthPriv {
            return Err(Report::UnsupportedLevel);
        }
        if !outer.is_signed(&keys.auth) {
            return Err(Report::WrongDigest);
        }
        if !self.engine.is_fresh(params.engine_boots(), params.engine_time(), now) {
            return Err(Report::NotInTimeWindow);
        }
        let scoped = outer.decrypt(keys).ok_or(Report::Decryption)?;
        if scoped.context_engine_id[..] != *self.engine.id() {
            return Ok(Read::Dropped(Dropped::Context));
        }
        Ok(Read::Asked(Box::new(Asked {
            user: params.username().to_vec(),
            id: outer.raw.msg_id(),
            size_max: outer.raw.global_data().msg_max_size().as_usize(),
            context: scoped.context_name.to_vec(),
            pdu: scoped.pdu,
        })))
    }

    /// Signs and encrypts an answer.
    pub fn answer(&self, asked: &Asked, pdu: Pdu, now: Instant) -> Option<Vec<u8>> {
        let keys = self.users.get(&asked.user)?;
        let scoped = ScopedPdu::new(self.engine.id().to_vec(), asked.context.clone(), pdu).encode_to_bytes().ok()?;
        let (boots, time) = self.engine.time(now);
        let (secret, salt) = keys.privacy.encrypt_aes(&scoped, boots, time, &self.salts).ok()?;
        let params = self.params(&asked.user, now)?.with_auth_placeholder(keys.auth.mac_len()).ok()?;
        let params = params.with_priv_params(salt).ok()?.encode().ok()?;
        let head = header(asked.id, SecurityLevel::AuthPriv)?;
        let message = V3Message::new_with_opaque_encrypted_scoped_pdu(head, params, secret).ok()?;
        signed(&message, &keys.auth)
    }

    /// Says why a message is not answered. What was signed is answered signed, so that its sender can believe it (3.2, 7a).
    fn report(&mut self, outer: &Outer<'_>, report: Report, now: Instant) -> Read {
        let count = &mut self.reported[report.nth()];
        *count = count.wrapping_add(1);
        let told = VarBind::new(Oid::from_slice(&USM_STATS).child(report.number()).child(0), Value::Counter32(*count));
        let wanted = outer.raw.global_data().msg_flags().reportable;
        Read::Reported(report, wanted.then(|| self.told(outer, report, told, now)).flatten())
    }

    fn told(&self, outer: &Outer<'_>, report: Report, told: VarBind, now: Instant) -> Option<Vec<u8>> {
        let user = &outer.params.username()[..];
        let is_signed = matches!(report, Report::NotInTimeWindow | Report::Decryption);
        let key = self.users.get(user).map(|keys| &keys.auth).filter(|_| is_signed);
        let body = PduBody::Standard { pdu_type: StandardPduType::Report, error_status: 0, error_index: 0 };
        let scoped = ScopedPdu::new(self.engine.id().to_vec(), Vec::new(), Pdu::from_raw_parts(0, body, vec![told]));
        let level = if key.is_some() { SecurityLevel::AuthNoPriv } else { SecurityLevel::NoAuthNoPriv };
        let params = self.params(user, now)?;
        let params = match key {
            Some(key) => params.with_auth_placeholder(key.mac_len()).ok()?,
            None => params,
        };
        let message = V3Message::new(header(outer.raw.msg_id(), level)?, params.encode().ok()?, scoped).ok()?;
        match key {
            Some(key) => signed(&message, key),
            None => Some(message.encode().ok()?.to_vec()),
        }
    }

    fn params(&self, user: &[u8], now: Instant) -> Option<UsmSecurityParams> {
        let (boots, time) = self.engine.time(now);
        UsmSecurityParams::new(self.engine.id().to_vec(), boots, time, user.to_vec()).ok()
    }
}

impl<'a> Outer<'a> {
    fn parse(datagram: &'a [u8]) -> Option<Self> {
        let raw = RawV3Message::decode(datagram.to_vec().into(), DecodeConfig::STRICT).ok()?.value;
        let params = UsmSecurityParams::decode(raw.security_params().clone(), DecodeConfig::STRICT).ok()?.value;
        Some(Self { datagram, raw, params })
    }

    /// Compared in constant time.
    fn is_signed(&self, key: &LocalizedKey) -> bool {
        let Some((at, length)) = UsmSecurityParams::find_auth_params_offset(self.datagram) else { return false };
        length == key.mac_len() && verify_message(key, self.datagram, at, length).unwrap_or(false)
    }

    fn decrypt(&self, keys: &Keys) -> Option<ScopedPdu> {
        let RawMsgData::Encrypted(secret) = self.raw.msg_data() else { return None };
        let Self { params, .. } = self;
        let (boots, time) = (params.engine_boots(), params.engine_time());
        let plain = keys.privacy.decrypt(secret, boots, time, params.priv_params()).ok()?;
        let mut decoder = Decoder::new(plain).with_decode_config(DecodeConfig::STRICT);
        let scoped = ScopedPdu::decode(&mut decoder).ok()?;
        decoder.is_empty().then_some(scoped)
    }
}

fn header(id: i32, level: SecurityLevel) -> Option<MsgGlobalData> {
    let size = MessageSize::from_i32(i32::try_from(DATAGRAM_MAX).ok()?).ok()?;
    MsgGlobalData::new(id, size, MsgFlags::new(level, false)).ok()
}

fn signed(message: &V3Message, key: &LocalizedKey) -> Option<Vec<u8>> {
    let mut bytes = message.encode().ok()?.to_vec();
    let (at, length) = UsmSecurityParams::find_auth_params_offset(&bytes)?;
    authenticate_message(key, &mut bytes, at, length).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
