// Операция TelData. Имена параметров не меняйте: по ним Callbus узнает, что куда передать.
//
Функция TelData(Nomer_Sobitia, Nomer_sip, moi_nomer)

	Возврат CallbusПрием.ПринятьTelData(Nomer_Sobitia, Nomer_sip, moi_nomer);

КонецФункции
